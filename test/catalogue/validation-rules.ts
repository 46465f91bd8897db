// Values that others refuse, kind by kind, with an example of `spec` that breaks the rule and one
// that keeps to it. The rules of the definitions are those of Istio 1.30 and the Gateway API 1.6,
// tested by test/api/validation.test.ts on an API server. The rules of istiod are its webhook's.
// Proxies refuse values by Envoy's rules if nobody refuses them before.

/** The component that refuses an object that breaks a rule. */
export type Judge = 'Envoy' | 'definition' | 'istiod';

/** One rule of one kind. */
export interface ValidationRule {
  readonly rule: string;
  readonly by: Judge;
  readonly refused: string;
  readonly accepted: string;
}

const rule = (by: Judge, rule: string, refused: string, accepted: string): ValidationRule => ({
  rule,
  by,
  refused,
  accepted,
});
const byDefinition = (text: string, refused: string, accepted: string): ValidationRule =>
  rule('definition', text, refused, accepted);
const byIstiod = (text: string, refused: string, accepted: string): ValidationRule =>
  rule('istiod', text, refused, accepted);
const byEnvoy = (text: string, refused: string, accepted: string): ValidationRule =>
  rule('Envoy', text, refused, accepted);

const web = '{group: "", kind: Service, name: web}';
const to = 'route: [{destination: {host: web}}]';

const attachment: readonly ValidationRule[] = [
  byDefinition(
    'a selector or targetRefs, not both',
    `{selector: {matchLabels: {app: web}}, targetRefs: [${web}]}`,
    `{targetRefs: [${web}]}`,
  ),
  byDefinition(
    'no wildcard in the labels of a selector',
    '{selector: {matchLabels: {app: "web*"}}}',
    '{selector: {matchLabels: {app: web}}}',
  ),
  byDefinition(
    'targets in the namespace of the policy',
    '{targetRefs: [{group: "", kind: Service, name: web, namespace: other}]}',
    `{targetRefs: [{group: core, kind: Service, name: web}]}`,
  ),
  byIstiod(
    'a target of a kind that policies have, of its group',
    '{targetRefs: [{group: apps, kind: Service, name: web}]}',
    `{targetRefs: [${web}]}`,
  ),
];

const parents: readonly ValidationRule[] = [
  byDefinition(
    'a section or port for each of several references to one parent',
    `{parentRefs: [${web}, ${web}]}`,
    '{parentRefs: [{group: "", kind: Service, name: web, port: 80}, {group: "", kind: Service, name: web, port: 81}]}',
  ),
];

const backendPort = byDefinition(
  'a port for a backend that is a Service',
  `{parentRefs: [${web}], rules: [{backendRefs: [{name: web}]}]}`,
  `{parentRefs: [${web}], rules: [{backendRefs: [{name: web, port: 80}]}]}`,
);

/** The rules of every kind, those that a schema cannot say. */
export const validationRules: Readonly<Record<string, readonly ValidationRule[]>> = {
  AuthorizationPolicy: [
    ...attachment,
    byDefinition(
      'no service accounts beside principals or namespaces in one source',
      '{rules: [{from: [{source: {serviceAccounts: [a], namespaces: [b]}}]}]}',
      '{rules: [{from: [{source: {serviceAccounts: [a]}}, {source: {namespaces: [b]}}]}]}',
    ),
    byIstiod('rules for DENY', '{action: DENY}', '{action: DENY, rules: [{}]}'),
    byIstiod(
      'a provider for CUSTOM',
      '{action: CUSTOM, rules: [{}]}',
      '{action: CUSTOM, provider: {name: a}, rules: [{}]}',
    ),
    byIstiod('a provider for CUSTOM only', '{action: DENY, provider: {name: a}, rules: [{}]}', '{rules: [{}]}'),
    byIstiod(
      'no identities of clients in CUSTOM',
      '{action: CUSTOM, provider: {name: a}, rules: [{from: [{source: {principals: [a]}}]}]}',
      '{action: CUSTOM, provider: {name: a}, rules: [{from: [{source: {ipBlocks: [10.0.0.1]}}]}]}',
    ),
    byIstiod('something in `from`', '{rules: [{from: []}]}', '{rules: [{from: }]}'),
    byIstiod(
      'something in a source',
      '{rules: [{from: [{source: {}}]}]}',
      '{rules: [{from: [{source: {namespaces: [a]}}]}]}',
    ),
    byIstiod(
      'something in an operation',
      '{rules: [{to: [{operation: {}}]}]}',
      '{rules: [{to: [{operation: {methods: [GET]}}]}]}',
    ),
    byIstiod(
      'no empty values',
      '{rules: [{to: [{operation: {hosts: [""]}}]}]}',
      '{rules: [{to: [{operation: {hosts: ["*"]}}]}]}',
    ),
    byIstiod(
      'addresses or ranges in ipBlocks',
      '{rules: [{from: [{source: {ipBlocks: [10.0.0.0/33]}}]}]}',
      '{rules: [{from: [{source: {ipBlocks: [10.0.0.0/8, "fd00::1"]}}]}]}',
    ),
    byIstiod(
      'port numbers',
      '{rules: [{to: [{operation: {ports: ["65536"]}}]}]}',
      '{rules: [{to: [{operation: {ports: ["080"]}}]}]}',
    ),
    byIstiod(
      '`{**}` behind every other operator of a path template',
      '{rules: [{to: [{operation: {paths: ["/{**}/{*}"]}}]}]}',
      '{rules: [{to: [{operation: {paths: ["/{*}/{**}/cart"]}}]}]}',
    ),
    byIstiod(
      'whole segments for the operators of a path template',
      '{rules: [{to: [{operation: {paths: ["/a{*}/b"]}}]}]}',
      '{rules: [{to: [{operation: {paths: ["/a/{*}/b"]}}]}]}',
    ),
    byIstiod(
      'an attribute that there is',
      '{rules: [{when: [{key: request.header, values: [a]}]}]}',
      '{rules: [{when: [{key: "request.headers[a]", values: [b]}]}]}',
    ),
    byIstiod(
      'values for a condition',
      '{rules: [{when: [{key: source.ip}]}]}',
      '{rules: [{when: [{key: source.ip, values: [10.0.0.1]}]}]}',
    ),
  ],
  BackendTLSPolicy: [
    byDefinition(
      'roots, or well-known ones, not both',
      `{targetRefs: [${web}], validation: {hostname: a.test}}`,
      `{targetRefs: [${web}], validation: {hostname: a.test, wellKnownCACertificates: System}}`,
    ),
    byDefinition(
      'a section for each of several references to one target',
      `{targetRefs: [${web}, ${web}], validation: {hostname: a.test, wellKnownCACertificates: System}}`,
      `{targetRefs: [${web}], validation: {hostname: a.test, wellKnownCACertificates: System}}`,
    ),
    byDefinition(
      'names of the type that is given',
      `{targetRefs: [${web}], validation: {hostname: a.test, wellKnownCACertificates: System, subjectAltNames: [{type: URI, hostname: a.test}]}}`,
      `{targetRefs: [${web}], validation: {hostname: a.test, wellKnownCACertificates: System, subjectAltNames: [{type: Hostname, hostname: a.test}]}}`,
    ),
  ],
  XBackendTrafficPolicy: [
    byDefinition(
      'a time of a second to an hour for the budget',
      `{targetRefs: [${web}], retryConstraint: {budget: {interval: 500ms}}}`,
      `{targetRefs: [${web}], retryConstraint: {budget: {interval: 1h}}}`,
    ),
    byDefinition(
      'a time of an hour at most for the minimum rate',
      `{targetRefs: [${web}], retryConstraint: {minRetryRate: {interval: 0s}}}`,
      `{targetRefs: [${web}], retryConstraint: {minRetryRate: {interval: 1s}}}`,
    ),
    byDefinition(
      'a lifetime for a permanent cookie',
      `{targetRefs: [${web}], sessionPersistence: {cookieConfig: {lifetimeType: Permanent}}}`,
      `{targetRefs: [${web}], sessionPersistence: {absoluteTimeout: 1h, cookieConfig: {lifetimeType: Permanent}}}`,
    ),
    byDefinition(
      'no fields of cookies for headers',
      `{targetRefs: [${web}], sessionPersistence: {type: Header, cookieConfig: {lifetimeType: Session}}}`,
      `{targetRefs: [${web}], sessionPersistence: {type: Header}}`,
    ),
  ],
  DestinationRule: [
    byDefinition(
      'no wildcard in the labels of a selector',
      '{host: web, workloadSelector: {matchLabels: {app: "*"}}}',
      '{host: web, workloadSelector: {matchLabels: {app: web}}}',
    ),
    byIstiod('a host name', '{host: "a_b.test"}', '{host: "*.test"}'),
    byIstiod(
      'a label as the name of a subset',
      '{host: web, subsets: [{name: v1.2}]}',
      '{host: web, subsets: [{name: v1-2}]}',
    ),
    byIstiod(
      'labels of a subset',
      '{host: web, subsets: [{name: v1, labels: {version: "a b"}}]}',
      '{host: web, subsets: [{name: v1, labels: {version: a.b}}]}',
    ),
    byIstiod(
      'a port for settings of a port',
      '{host: web, trafficPolicy: {portLevelSettings: [{loadBalancer: {simple: RANDOM}}]}}',
      '{host: web, trafficPolicy: {portLevelSettings: [{port: {number: 80}, loadBalancer: {simple: RANDOM}}]}}',
    ),
    byIstiod(
      'key and certificate for MUTUAL',
      '{host: web, trafficPolicy: {tls: {mode: MUTUAL}}}',
      '{host: web, trafficPolicy: {tls: {mode: MUTUAL, clientCertificate: /a, privateKey: /b}}}',
    ),
    byIstiod(
      'shares of localities that sum to 100',
      '{host: web, trafficPolicy: {loadBalancer: {localityLbSetting: {distribute: [{from: a, to: {a: 60}}]}}}}',
      '{host: web, trafficPolicy: {loadBalancer: {localityLbSetting: {distribute: [{from: a, to: {a: 100}}]}}}}',
    ),
    byEnvoy(
      'a name of a header to hash by',
      '{host: web, trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: "a b"}}}}',
      '{host: web, trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: x-user}}}}',
    ),
  ],
  GRPCRoute: [
    ...parents,
    backendPort,
    byDefinition(
      'names of gRPC services',
      `{parentRefs: [${web}], rules: [{matches: [{method: {service: "a b"}}]}]}`,
      `{parentRefs: [${web}], rules: [{matches: [{method: {service: a.b.C}}]}]}`,
    ),
    byDefinition(
      'a service or a method in a method match',
      `{parentRefs: [${web}], rules: [{matches: [{method: {type: Exact}}]}]}`,
      `{parentRefs: [${web}], rules: [{matches: [{method: {method: Get}}]}]}`,
    ),
    byDefinition(
      'the field of its type in a filter',
      `{parentRefs: [${web}], rules: [{filters: [{type: RequestHeaderModifier}]}]}`,
      `{parentRefs: [${web}], rules: [{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {remove: [a]}}]}]}`,
    ),
  ],
  HTTPRoute: [
    ...parents,
    backendPort,
    byDefinition(
      'names of rules used once',
      `{parentRefs: [${web}], rules: [{name: a}, {name: a}]}`,
      `{parentRefs: [${web}], rules: [{name: a}, {name: b}]}`,
    ),
    byDefinition(
      'a path that begins with a slash',
      `{parentRefs: [${web}], rules: [{matches: [{path: {value: a}}]}]}`,
      `{parentRefs: [${web}], rules: [{matches: [{path: {value: /a}}]}]}`,
    ),
    byDefinition(
      'a path as normalization leaves it',
      `{parentRefs: [${web}], rules: [{matches: [{path: {value: /a//b}}]}]}`,
      `{parentRefs: [${web}], rules: [{matches: [{path: {type: RegularExpression, value: "/a//b"}}]}]}`,
    ),
    byDefinition(
      'each header once in a match',
      `{parentRefs: [${web}], rules: [{matches: [{headers: [{name: a, value: b}, {name: a, value: c}]}]}]}`,
      `{parentRefs: [${web}], rules: [{matches: [{headers: [{name: a, value: b}, {name: d, value: c}]}]}]}`,
    ),
    byDefinition(
      'each header once in an edit',
      `{parentRefs: [${web}], rules: [{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {remove: [a, a]}}]}]}`,
      `{parentRefs: [${web}], rules: [{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {remove: [a, b]}}]}]}`,
    ),
    byDefinition(
      'filters of a kind once',
      `{parentRefs: [${web}], rules: [{filters: [{type: CORS, cors: {}}, {type: CORS, cors: {}}]}]}`,
      `{parentRefs: [${web}], rules: [{filters: [{type: CORS, cors: {}}]}]}`,
    ),
    byDefinition(
      'a redirect or a rewrite',
      `{parentRefs: [${web}], rules: [{filters: [{type: RequestRedirect, requestRedirect: {}}, {type: URLRewrite, urlRewrite: {hostname: a.test}}]}]}`,
      `{parentRefs: [${web}], rules: [{filters: [{type: URLRewrite, urlRewrite: {hostname: a.test}}]}]}`,
    ),
    byDefinition(
      'no backends beside a redirect',
      `{parentRefs: [${web}], rules: [{filters: [{type: RequestRedirect, requestRedirect: {}}], backendRefs: [{name: web, port: 80}]}]}`,
      `{parentRefs: [${web}], rules: [{filters: [{type: RequestRedirect, requestRedirect: {}}]}]}`,
    ),
    byDefinition(
      'a prefix to be replaced',
      `{parentRefs: [${web}], rules: [{matches: [{path: {type: Exact, value: /a}}], filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /b}}}]}]}`,
      `{parentRefs: [${web}], rules: [{matches: [{path: {value: /a}}], filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /b}}}]}]}`,
    ),
    byDefinition(
      'backendRequest not longer than request',
      `{parentRefs: [${web}], rules: [{timeouts: {request: 1s, backendRequest: 2s}}]}`,
      `{parentRefs: [${web}], rules: [{timeouts: {request: 0s, backendRequest: 2s}}]}`,
    ),
    byDefinition(
      'a wildcard of CORS alone',
      `{parentRefs: [${web}], rules: [{filters: [{type: CORS, cors: {allowMethods: ["*", GET]}}]}]}`,
      `{parentRefs: [${web}], rules: [{filters: [{type: CORS, cors: {allowMethods: ["*"]}}]}]}`,
    ),
    byEnvoy(
      'a regular expression of RE2',
      `{parentRefs: [${web}], rules: [{matches: [{path: {type: RegularExpression, value: "/(?=a)"}}]}]}`,
      `{parentRefs: [${web}], rules: [{matches: [{path: {type: RegularExpression, value: "/a+"}}]}]}`,
    ),
  ],
  RequestAuthentication: [
    ...attachment,
    byDefinition(
      'keys in place or where they are, not both',
      '{jwtRules: [{issuer: a, jwks: "{}", jwksUri: "https://a.test"}]}',
      '{jwtRules: [{issuer: a, jwksUri: "https://a.test"}]}',
    ),
    byDefinition(
      'http or https for keys',
      '{jwtRules: [{issuer: a, jwksUri: "ftp://a.test"}]}',
      '{jwtRules: [{issuer: a, jwksUri: "http://a.test:8080/keys"}]}',
    ),
    byIstiod('an issuer', '{jwtRules: [{audiences: [a]}]}', '{jwtRules: [{issuer: a, audiences: [a]}]}'),
    byEnvoy(
      'names of headers',
      '{jwtRules: [{issuer: a, fromHeaders: [{name: "a b"}]}]}',
      '{jwtRules: [{issuer: a, fromHeaders: [{name: x-token, prefix: "Bearer "}]}]}',
    ),
  ],
  ServiceEntry: [
    byDefinition('not every host', '{hosts: ["*"]}', '{hosts: ["*.a.test"]}'),
    byDefinition(
      'a selector or endpoints',
      '{hosts: [a.test], resolution: STATIC, endpoints: [{address: 10.0.0.1}], workloadSelector: {labels: {app: a}}}',
      '{hosts: [a.test], resolution: STATIC, workloadSelector: {labels: {app: a}}}',
    ),
    byDefinition(
      'ranges for NONE and STATIC only',
      '{hosts: [a.test], resolution: DNS, addresses: [10.9.0.0/16]}',
      '{hosts: [a.test], resolution: STATIC, addresses: [10.9.0.0/16]}',
    ),
    byDefinition(
      'no endpoints for NONE',
      '{hosts: [a.test], endpoints: [{address: 10.0.0.1}]}',
      '{hosts: [a.test], resolution: STATIC, endpoints: [{address: 10.0.0.1}]}',
    ),
    byDefinition(
      'one endpoint for DNS_ROUND_ROBIN',
      '{hosts: [a.test], resolution: DNS_ROUND_ROBIN, endpoints: [{address: a.test}, {address: b.test}]}',
      '{hosts: [a.test], resolution: DNS_ROUND_ROBIN, endpoints: [{address: b.test}]}',
    ),
    byDefinition(
      'a path for a Unix socket',
      '{hosts: [a.test], resolution: STATIC, endpoints: [{address: "unix://run/a"}]}',
      '{hosts: [a.test], resolution: STATIC, endpoints: [{address: "unix:///run/a"}]}',
    ),
    byDefinition(
      'no ports for a Unix socket',
      '{hosts: [a.test], resolution: STATIC, ports: [{number: 80, name: http}], endpoints: [{address: "unix:///run/a", ports: {http: 1}}]}',
      '{hosts: [a.test], resolution: STATIC, ports: [{number: 80, name: http}], endpoints: [{address: "unix://@a"}]}',
    ),
    byDefinition(
      'numbers and names of ports used once',
      '{hosts: [a.test], ports: [{number: 80, name: a}, {number: 80, name: b}]}',
      '{hosts: [a.test], ports: [{number: 80, name: a}, {number: 81, name: b}]}',
    ),
    byIstiod(
      'endpoints that are addresses for STATIC',
      '{hosts: [a.test], resolution: STATIC, endpoints: [{address: b.test}]}',
      '{hosts: [a.test], resolution: DNS, endpoints: [{address: b.test}]}',
    ),
    byIstiod(
      'ports of endpoints that the entry has',
      '{hosts: [a.test], resolution: STATIC, ports: [{number: 80, name: http}], endpoints: [{address: 10.0.0.1, ports: {htp: 80}}]}',
      '{hosts: [a.test], resolution: STATIC, ports: [{number: 80, name: http}], endpoints: [{address: 10.0.0.1, ports: {http: 8080}}]}',
    ),
    byIstiod('a host name', '{hosts: ["a b"]}', '{hosts: [a.test.]}'),
    byIstiod(
      'addresses or ranges',
      '{hosts: [a.test], addresses: [10.0.0]}',
      '{hosts: [a.test], addresses: [10.0.0.1]}',
    ),
    byIstiod(
      'a protocol that there is',
      '{hosts: [a.test], ports: [{number: 80, name: a, protocol: HTPP}]}',
      '{hosts: [a.test], ports: [{number: 80, name: a, protocol: Mongo}]}',
    ),
    byIstiod(
      'a label as the name of a port',
      '{hosts: [a.test], ports: [{number: 80, name: "a b"}]}',
      '{hosts: [a.test], ports: [{number: 80, name: a-b}]}',
    ),
    byIstiod(
      'namespaces in exportTo',
      '{hosts: [a.test], exportTo: ["*", a]}',
      '{hosts: [a.test], exportTo: [".", a]}',
    ),
  ],
  TCPRoute: [
    byDefinition(
      'a section or port for each of several references to one parent',
      `{parentRefs: [${web}, ${web}], rules: [{backendRefs: [{name: web, port: 80}]}]}`,
      `{parentRefs: [${web}], rules: [{backendRefs: [{name: web, port: 80}]}]}`,
    ),
  ],
  TLSRoute: [
    byDefinition(
      'no address as a host name',
      `{parentRefs: [${web}], hostnames: [10.0.0.1], rules: [{backendRefs: [{name: web, port: 80}]}]}`,
      `{parentRefs: [${web}], hostnames: [a.test], rules: [{backendRefs: [{name: web, port: 80}]}]}`,
    ),
  ],
  VirtualService: [
    byIstiod('rules', '{hosts: [web]}', `{hosts: [web], http: [{${to}}]}`),
    byIstiod('a host name', `{hosts: ["a b"], http: [{${to}}]}`, `{hosts: [10.0.0.1], http: [{${to}}]}`),
    byIstiod('somewhere to go', '{hosts: [web], http: [{name: a}]}', '{hosts: [web], http: [{redirect: {uri: /a}}]}'),
    byIstiod(
      'a destination other than every host',
      '{hosts: [web], http: [{route: [{destination: {host: "*"}}]}]}',
      '{hosts: ["*.a.test"], http: [{route: [{destination: {host: "*.a.test"}}]}]}',
    ),
    byIstiod(
      'a label as the name of a subset',
      '{hosts: [web], http: [{route: [{destination: {host: web, subset: "v 1"}}]}]}',
      '{hosts: [web], http: [{route: [{destination: {host: web, subset: v1}}]}]}',
    ),
    byIstiod(
      'weights that add up to something',
      '{hosts: [web], http: [{route: [{destination: {host: web}}, {destination: {host: api}}]}]}',
      '{hosts: [web], http: [{route: [{destination: {host: web}, weight: 1}, {destination: {host: api}}]}]}',
    ),
    byIstiod(
      'something in a prefix',
      `{hosts: [web], http: [{match: [{uri: {prefix: ""}}], ${to}}]}`,
      `{hosts: [web], http: [{match: [{headers: {a: {}}}], ${to}}]}`,
    ),
    byIstiod(
      'a regular expression of RE2',
      `{hosts: [web], http: [{match: [{uri: {regex: "(?=a)"}}], ${to}}]}`,
      `{hosts: [web], http: [{match: [{uri: {regex: "a+"}}], ${to}}]}`,
    ),
    byIstiod(
      'no rewrite beside a redirect',
      '{hosts: [web], http: [{redirect: {uri: /a}, rewrite: {uri: /b}}]}',
      `{hosts: [web], http: [{rewrite: {uri: /b}, ${to}}]}`,
    ),
    byIstiod(
      'percentages up to 100',
      `{hosts: [web], http: [{mirror: {host: api}, mirrorPercentage: {value: 101}, ${to}}]}`,
      `{hosts: [web], http: [{mirror: {host: api}, mirrorPercentage: {value: 0.5}, ${to}}]}`,
    ),
    byIstiod(
      'a status of HTTP',
      '{hosts: [web], http: [{directResponse: {status: 199}}]}',
      '{hosts: [web], http: [{directResponse: {status: 418}}]}',
    ),
    byEnvoy(
      'a redirect that proxies have',
      '{hosts: [web], http: [{redirect: {uri: /a, redirectCode: 304}}]}',
      '{hosts: [web], http: [{redirect: {uri: /a, redirectCode: 308}}]}',
    ),
  ],
  WorkloadEntry: [
    byDefinition('a path for a Unix socket', '{address: "unix:///run/"}', '{address: "unix:///run/a"}'),
    byDefinition('no ports for a Unix socket', '{address: "unix:///run/a", ports: {a: 1}}', '{address: "unix://@a"}'),
    byDefinition('a name of a port', '{address: 10.0.0.1, ports: {"a b": 1}}', '{address: 10.0.0.1, ports: {a-b: 1}}'),
    byIstiod('an address or a DNS name', '{address: 10.0.0}', '{address: vm.a.test}'),
    byIstiod('labels', '{address: 10.0.0.1, labels: {app: "a b"}}', '{address: 10.0.0.1, labels: {app: a}}'),
  ],
};
