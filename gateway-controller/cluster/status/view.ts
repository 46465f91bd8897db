// What the status of an object is computed from. Everything that is asked is noted, so that a status is computed again exactly when an
// answer may have changed.

import type { KubernetesObject } from '../../../kubernetes/index.ts';
import {
  type Finding,
  formatRef,
  type MeshSnapshot,
  type ObjectRef,
  type QueryKey,
  trackReads,
} from '../../../mesh/index.ts';

/** Who this control plane is. */
export interface StatusSettings {
  /** `istio.io/mesh-controller`: no other control plane speaks for the mesh. Any other name: one may run beside. */
  readonly controllerName: string;
  readonly gatewayClass: string;
  readonly clusterDomain: string;
  /** Empty or `default`: the default revision, which speaks of what belongs to no Gateway too. */
  readonly revision: string;
}

/** The state of now, as far as statuses need it. */
export interface StatusView {
  readonly settings: StatusSettings;
  readonly mesh: MeshSnapshot;
  /** The object as the API gave it. */
  object(kind: string, namespace: string, name: string): KubernetesObject | undefined;
  /** What there is to say about an object's meaning. */
  findings(ref: ObjectRef): readonly Finding[];
  /** What keeps the objects of a Gateway from being deployed; undefined while that is not known yet. */
  deploymentFindings(ref: ObjectRef): readonly Finding[] | undefined;
}

/** The name of asking for an object as the API gave it. */
export function objectKey({ kind, namespace, name }: ObjectRef): QueryKey {
  return `object:${kind}/${namespace}/${name}`;
}

/** The name of asking for the Findings of an object. */
export function findingsKey(ref: ObjectRef): QueryKey {
  return `findings:${formatRef(ref)}`;
}

/** The name of asking for what keeps the objects of a Gateway from being deployed. */
export function deploymentKey(ref: ObjectRef): QueryKey {
  return `deployment:${formatRef(ref)}`;
}

/** A view that writes down what is asked. */
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

/** Whether another control plane may run beside this one, so that only what is bound to a Gateway of ours is ours to judge. */
export function isGuest(settings: StatusSettings): boolean {
  return hasOwnName(settings) || (settings.revision !== '' && settings.revision !== 'default');
}

/** Whether entries of ours in a list of several controllers' carry a name of their own, since Istio may write there too. */
export function hasOwnName({ controllerName }: StatusSettings): boolean {
  return controllerName !== 'istio.io/mesh-controller';
}
