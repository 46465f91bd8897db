// Types of fetch-envoy.mjs for tests.

/** A release of Envoy, and the environment variable that names another binary. */
export interface EnvoyRelease {
  readonly version: string;
  readonly variable: string;
}

export const newestEnvoy: EnvoyRelease;
export const oldestEnvoy: EnvoyRelease;
