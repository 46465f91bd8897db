// The trust domain of a replica: the one that it was given, else that of the cluster's MeshConfig
// at the start. A later change of the MeshConfig waits for the next start.

import { defaultMeshSettings } from '../../../mesh/index.ts';
import type { Finding, MeshChange, MeshObject } from '../../../mesh/index.ts';
import { describeRestart } from '../../serving/trust-domain.ts';

/** Keeps the trust domain that was chosen with the first changes. */
export class ClusterTrustDomain {
  readonly #given: string;
  #chosen: string | undefined;
  #findings: readonly Finding[] = [];

  /** The default counts as none. */
  constructor(given: string) {
    this.#given = given;
  }

  /** The trust domain in force; the given one until the cluster is known. */
  get value(): string {
    return this.#chosen ?? this.#given;
  }

  /** The Finding while the cluster asks for another one. */
  get findings(): readonly Finding[] {
    return this.#findings;
  }

  /** The changes as they are put in force; the first ones are all objects. */
  pin(changes: readonly MeshChange[]): readonly MeshChange[] {
    if (this.#chosen === undefined) {
      const asked = changes.map(readMeshConfig).find((config) => config !== undefined)?.spec.trustDomain;
      this.#chosen = this.#given === defaultMeshSettings.trustDomain ? (asked ?? this.#given) : this.#given;
    }
    return changes.map((change) => {
      const config = readMeshConfig(change);
      return config === undefined ? change : { type: 'put', object: this.#hold(config) };
    });
  }

  #hold(config: MeshObject<'MeshConfig'>): MeshObject<'MeshConfig'> {
    const asked = config.spec.trustDomain ?? this.#given;
    this.#findings = asked === this.value ? [] : [this.#describe(asked)];
    return asked === this.value ? config : { ...config, spec: { ...config.spec, trustDomain: this.value } };
  }

  #describe(asked: string): Finding {
    const finding = describeRestart(this.value, asked);
    if (this.#given === defaultMeshSettings.trustDomain) return finding;
    const hint = 'the control plane was given its trust domain (`--trust-domain`): change it there, or here';
    return { ...finding, message: `the control plane was told "${this.value}", so "${asked}" is not in effect`, hint };
  }
}

/** The MeshConfig of a change; one that is removed says nothing from now on. */
function readMeshConfig(change: MeshChange): MeshObject<'MeshConfig'> | undefined {
  if (change.type === 'put') return change.object.kind === 'MeshConfig' ? change.object : undefined;
  if (change.ref.kind !== 'MeshConfig') return undefined;
  const metadata = { name: change.ref.name, namespace: change.ref.namespace, labels: {}, annotations: {} };
  return { apiVersion: 'mesh.istio.io/v1alpha1', kind: 'MeshConfig', metadata, spec: {} };
}
