// The labels of the agent's pod, as the kubelet writes them for a downward API volume.

import { readFile } from 'node:fs/promises';
import { AgentError } from './error.ts';

/** No labels without a file; rejects with `OptionInvalid` when it cannot be read. */
export async function readPodLabels(file: string | undefined): Promise<Readonly<Record<string, string>>> {
  if (file === undefined) return {};
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new AgentError('OptionInvalid', `the labels of the pod cannot be read from ${file}`, cause);
  }
  return parsePodLabels(text);
}

/** `key="value"` lines; the value is quoted as in Go, and legal labels need no escapes. */
export function parsePodLabels(text: string): Readonly<Record<string, string>> {
  const matches = text.split('\n').map((line) => /^([^=\s]+)="([^"]*)"$/.exec(line.trim()));
  return Object.fromEntries(matches.flatMap((match) => (match === null ? [] : [[match[1] ?? '', match[2] ?? '']])));
}
