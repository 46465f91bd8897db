// The reports of a command that waits for pods: each problem once, as soon as it is there, and all
// of them in the end.

import type { ApiClient } from '../kubernetes/index.ts';
import type { Io } from './io.ts';
import { findPodProblems, isAboutImages } from './pod-problems.ts';
import type { PodSelection } from './pod-problems.ts';

/** Problems that last this long are reported: many pass while a pod starts. */
const patienceMs = 3_000;
const intervalMs = 2_000;

/** Watches the pods of one Deployment. */
export class PodWatcher {
  readonly #client: ApiClient;
  readonly #selection: PodSelection;
  readonly #io: Io;
  #lookedAt = 0;
  #seen = new Map<string, { readonly since: number; isTold: boolean }>();

  constructor(client: ApiClient, selection: PodSelection, io: Io) {
    this.#client = client;
    this.#selection = selection;
    this.#io = io;
  }

  /** It looks every other second at most. */
  async look(): Promise<void> {
    const now = Date.now();
    if (now - this.#lookedAt < intervalMs) return;
    this.#lookedAt = now;
    const problems = await findPodProblems(this.#client, this.#selection);
    this.#seen = new Map(
      problems.map((problem) => [problem, this.#seen.get(problem) ?? { since: now, isTold: false }]),
    );
    for (const [problem, state] of this.#seen) {
      if (state.isTold || now - state.since < patienceMs) continue;
      state.isTold = true;
      this.#io.stderr.write(`${problem}\n`);
    }
  }

  /** The current problems and what to do, as lines that follow a sentence. */
  async explain(): Promise<string> {
    const problems = await findPodProblems(this.#client, this.#selection);
    const { namespace } = this.#selection;
    if (problems.length === 0) return `; look at "kubectl -n ${namespace} get pods"`;
    const advice = isAboutImages(problems)
      ? '\nthe nodes have no such image and cannot pull it: docs/guide/install.md ("Images") says how to bring it to a cluster'
      : `\n"kubectl -n ${namespace} describe pods" and "kubectl -n ${namespace} logs POD" tell more`;
    return `:\n${problems.map((problem) => `  ${problem}`).join('\n')}${advice}`;
  }
}
