// Starts and asks the control plane of `control-plane.ts`.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Answer, Order } from './control-plane.ts';

/** A running control plane. */
export interface Child {
  /** The resources that it used before the first order: the idle process with its libraries. */
  readonly idle: Answer;
  /** Carries out the order and answers when that is done. */
  ask(order: Order): Promise<Answer>;
  stop(): Promise<void>;
}

/** Starts a control plane in a process of its own. */
export async function startChild(execArgv: readonly string[] = []): Promise<Child> {
  const child = fork(fileURLToPath(new URL('control-plane.ts', import.meta.url)), [], {
    execArgv: ['--import', 'tsx', '--expose-gc', ...execArgv],
    serialization: 'advanced',
  });
  const answer = async (): Promise<Answer> => {
    const [message] = (await once(child, 'message')) as [Answer];
    return message;
  };
  await answer();
  const ask = (order: Order): Promise<Answer> => {
    const answered = answer();
    child.send(order);
    return answered;
  };
  return {
    idle: await ask({ type: 'usage' }),
    ask,
    stop: async () => {
      const exited = once(child, 'exit');
      child.disconnect();
      await exited;
    },
  };
}
