// Access logs of requests and connections.

/** The lines of an access log: our own keys, a text with operators, or keys with operators. */
export type LogFormat = 'own' | { readonly text: string } | { readonly json: Readonly<Record<string, string>> };

/** The access log of a waypoint. */
export type AccessLogging = 'none' | { readonly target: 'stdout' | 'stderr'; readonly format: LogFormat };
