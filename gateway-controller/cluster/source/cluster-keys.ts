// The keys of issuers in one replica. It fetches the keys that the RequestAuthentications of the
// cluster name, and adds them to the mesh as objects of their own. No replica asks another: each
// serves the issuers' own answers.

import { listKeySources } from '../../../generator/index.ts';
import type { MeshChange, MeshObject, MeshSnapshot } from '../../../mesh/index.ts';
import { KeyFetcher } from '../../keys/key-fetcher.ts';
import { compareDocuments } from '../../keys/documents.ts';

/** The options of one replica's keys. */
export interface ClusterKeysOptions {
  /** Whether private, loopback and link-local addresses may be connected to. */
  readonly allowsPrivate: boolean;
  /** The changes of JwksDocuments after a fetch; never called within `follow`. */
  readonly onChange: (changes: readonly MeshChange[]) => void;
}

/** Fetches from the issuers that a mesh names. */
export class ClusterKeys {
  readonly #fetcher: KeyFetcher;
  #documents: readonly MeshObject<'JwksDocument'>[] = [];
  #settle: (() => void) | undefined;

  constructor({ allowsPrivate, onChange }: ClusterKeysOptions) {
    this.#fetcher = new KeyFetcher({
      allowsPrivate,
      onChange: () => {
        onChange(this.#compare());
        if (this.#fetcher.unknown === 0) this.#settle?.();
      },
    });
  }

  /** Takes the changes of a mesh, and returns the changes that follow for its JwksDocuments. */
  follow(mesh: MeshSnapshot, changes: readonly MeshChange[]): readonly MeshChange[] {
    const isAffected = changes.some(
      (change) => (change.type === 'put' ? change.object.kind : change.ref.kind) === 'RequestAuthentication',
    );
    if (!isAffected) return [];
    this.#fetcher.want(listKeySources(mesh));
    return this.#compare();
  }

  /**
   * Resolves when every document was fetched or its failure is known, or after `patienceMs`: an
   * issuer that hangs delays nobody.
   */
  async settled(patienceMs: number): Promise<void> {
    if (this.#fetcher.unknown === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, patienceMs);
      this.#settle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#settle = undefined;
  }

  /** Ends pending fetches; `onChange` is not called afterwards. */
  stop(): void {
    this.#fetcher.stop();
    this.#settle?.();
  }

  #compare(): readonly MeshChange[] {
    const before = this.#documents;
    this.#documents = this.#fetcher.documents();
    return compareDocuments(before, this.#documents);
  }
}
