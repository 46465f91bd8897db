// Types of fetch-kubernetes.mjs for tests.

/** The programs' folder and the file of definitions (a JSON array), or undefined for what is not there. */
export function findKubernetes(): { readonly programs: string | undefined; readonly definitions: string | undefined };
