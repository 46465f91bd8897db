// The input of statuses. Every question is recorded, so that a status is computed again exactly
// when an answer may have changed.

import type { KubernetesObject } from '../../../kubernetes/index.ts';
import {
  type Finding,
  formatRef,
  type MeshSnapshot,
  type ObjectRef,
  type QueryKey,
  trackReads,
} from '../../../mesh/index.ts';

/** The identity of this control plane. */
export interface StatusSettings {
  /**
   * `istio.io/mesh-controller`: the only control plane of the mesh. Any other name: another one may
   * run beside.
   */
  readonly controllerName: string;
  readonly gatewayClass: string;
  readonly clusterDomain: string;
  /**
   * Empty or `default`: the default revision, which also reports on objects that belong to no
   * Gateway.
   */
  readonly revision: string;
}

/** The current state, as far as statuses need it. */
export interface StatusView {
  readonly settings: StatusSettings;
  readonly mesh: MeshSnapshot;
  /** The object as the API gave it. */
  object(kind: string, namespace: string, name: string): KubernetesObject | undefined;
  /** The Findings about an object's meaning. */
  findings(ref: ObjectRef): readonly Finding[];
  /**
   * The faults that keep the objects of a Gateway from being deployed; undefined while they are not
   * known yet.
   */
  deploymentFindings(ref: ObjectRef): readonly Finding[] | undefined;
}

/** The question for an object as the API gave it. */
export function objectKey({ kind, namespace, name }: ObjectRef): QueryKey {
  return `object:${kind}/${namespace}/${name}`;
}

/** The question for the Findings of an object. */
export function findingsKey(ref: ObjectRef): QueryKey {
  return `findings:${formatRef(ref)}`;
}

/** The question for the faults that keep the objects of a Gateway from being deployed. */
export function deploymentKey(ref: ObjectRef): QueryKey {
  return `deployment:${formatRef(ref)}`;
}

/** A view that records its questions. */
export function trackView(view: StatusView): {
  readonly view: StatusView;
  readonly reads: () => ReadonlySet<QueryKey>;
} {
  const { snapshot, reads } = trackReads(view.mesh);
  const own = new Set<QueryKey>();
  return {
    view: {
      settings: view.settings,
      mesh: snapshot,
      object(kind, namespace, name) {
        own.add(objectKey({ kind, namespace, name }));
        return view.object(kind, namespace, name);
      },
      findings(ref) {
        own.add(findingsKey(ref));
        return view.findings(ref);
      },
      deploymentFindings(ref) {
        own.add(deploymentKey(ref));
        return view.deploymentFindings(ref);
      },
    },
    reads: () => new Set([...reads, ...own]),
  };
}

/**
 * Whether another control plane may run beside this one, so that we judge only what is bound to our
 * Gateways.
 */
export function isGuest(settings: StatusSettings): boolean {
  return hasOwnName(settings) || (settings.revision !== '' && settings.revision !== 'default');
}

/**
 * Whether our entries in a list of several controllers have a name of their own, since Istio may
 * write there too.
 */
export function hasOwnName({ controllerName }: StatusSettings): boolean {
  return controllerName !== 'istio.io/mesh-controller';
}
