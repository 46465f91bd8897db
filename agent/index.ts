// The door of `agent/`: running an agent in this process, and what a command line needs for it.

export { runAgent } from './agent.ts';
export { envoyVersion, findEnvoyBinary } from './envoy-binary.ts';
export type { Log } from './error.ts';
export { agentNodeFlags } from './node-flags.ts';
export { isLogged, parseAgentOptions, type AgentOptions, type ParsedOptions } from './options.ts';
