// Types of fetch-node.mjs for tests.

/** A release of Node, and how it is found. */
export interface NodeRelease {
  readonly version: string;
  readonly variable: string;
}

export const newestNode: NodeRelease;
export const oldestNode: NodeRelease;

/** The path of its binary, downloaded unless it is there. */
export function fetchNode(release: NodeRelease): Promise<string>;
