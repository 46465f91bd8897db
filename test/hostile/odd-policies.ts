// Policies that cannot be read, in every way that was thought of: broken YAML and JSON, broken
// structure, broken meaning, with targets that can be read and without. `$N` is the namespace.

/**
 * The services that are closed because of a policy that cannot be read; `no host`: none, since its
 * host is not known.
 */
export type Closed =
  'web' | 'web and the namespace' | 'the namespace' | 'the mesh' | 'the host' | 'no host' | 'nothing';

/** A text by its fault, and the services that it closes. */
export interface OddPolicy {
  readonly name: string;
  readonly text: string;
  readonly closed: Closed;
}

const head = 'apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata:\n  name: it\n  namespace: $N\n';
const targets = '  targetRefs:\n  - kind: Service\n    group: ""\n    name: web\n';
const rules = '  action: DENY\n  rules:\n  - to:\n    - operation:\n        paths: ["/admin"]\n';
/** The policy of which every odd one is a broken version. */
export const goodPolicy: string = `${head}spec:\n${targets}${rules}`;

const spec = (text: string): string => `${head}spec:\n${text}`;
const flow = (kind: string, apiVersion: string, fields: string): string =>
  `{apiVersion: ${apiVersion}, kind: ${kind}, metadata: {name: it, namespace: $N}, spec: ${fields}}\n`;
const json = JSON.stringify({
  apiVersion: 'security.istio.io/v1',
  kind: 'AuthorizationPolicy',
  metadata: { name: 'it', namespace: '$N' },
  spec: { targetRefs: [{ kind: 'Service', group: '', name: 'web' }], action: 'DENY', rules: [{}] },
});
const web = '{kind: Service, group: "", name: web}';
const istio = 'security.istio.io/v1';
const tls = 'gateway.networking.k8s.io/v1';
const networking = 'networking.istio.io/v1';

const ruleHead = `apiVersion: ${networking}\nkind: DestinationRule\nmetadata:\n  name: it\n  namespace: $N\n`;
const simple = '  trafficPolicy:\n    tls:\n      mode: SIMPLE\n      sni: web\n';
/** The rule of which every odd one is a broken version. */
export const goodRule: string = `${ruleHead}spec:\n  host: web\n${simple}`;
const rule = (text: string): string => `${ruleHead}spec:\n  host: web\n${text}`;

const cases: readonly (readonly [string, Closed, string])[] = [
  // The text: behind the targets, in them, and before them.
  ['an unclosed bracket behind the targets', 'web', spec(`${targets}  action: DENY\n  rules: [\n`)],
  ['an unclosed quote behind the targets', 'web', spec(`${targets}  action: "DENY\n  rules: [{}]\n`)],
  ['a tab behind the targets', 'web', spec(`${targets}  action: DENY\n  rules:\n\t- to: []\n`)],
  ['a line without a colon behind the targets', 'web', spec(`${targets}  action DENY\n  rules: [{}]\n`)],
  ['a wrong indentation behind the targets', 'web', spec(`${targets}  action: DENY\n   rules: [{}]\n`)],
  ['an alias without an anchor', 'web', spec(`${targets}  action: DENY\n  rules: *none\n`)],
  ['a key given twice in the rules', 'web', spec(`${targets}  action: DENY\n  action: ALLOW\n  rules: [{}]\n`)],
  ['metadata given twice', 'web', `${goodPolicy}metadata: {name: it, namespace: $N}\n`],
  ['a key that is no text', 'web', spec(`${targets}  ? [a]\n  : b\n  rules: [{}]\n`)],
  ['nested too deep', 'web', spec(`${targets}  action: DENY\n  rules: ${'['.repeat(120)}${']'.repeat(120)}\n`)],
  ['an unknown escape', 'web', spec(`${targets}  action: DENY\n  rules: ["\\q"]\n`)],
  ['a tag that is not known', 'web', spec(`${targets}  action: !!binary "%%"\n  rules: 7\n`)],
  ['two lists of targets', 'web', spec(`${targets}${targets}${rules}`)],
  ['an indentation that ends the targets', 'web and the namespace', spec(`${targets}   action: DENY\n  rules: [{}]\n`)],
  ['cut off in the targets', 'the namespace', spec('  targetRefs:\n  - kind: Service\n    group: ""\n    na')],
  [
    'cut off behind the first target',
    'web and the namespace',
    spec('  targetRefs:\n  - kind: Service\n    name: web\n  - ki'),
  ],
  ['cut off in a quote of the targets', 'the namespace', spec('  targetRefs:\n  - kind: Service\n    name: "we')],
  [
    'cut off in the rules',
    'web',
    spec(`${targets}  action: DENY\n  rules:\n  - to:\n    - operation:\n        paths: ["/ad`),
  ],
  ['cut off behind spec', 'the namespace', `${head}sp`],
  ['cut off behind a colon', 'the namespace', `${head}spec:\n  targetRefs:`],
  ['tabs everywhere', 'the namespace', goodPolicy.replaceAll('  ', '\t')],
  ['an unclosed quote before the targets', 'web', goodPolicy.replace('name: it', 'name: "it')],
  ['an unclosed quote in the first line', 'web', goodPolicy.replace('security.istio.io/v1', '"security')],
  [
    'an unclosed bracket before the targets',
    'web',
    goodPolicy.replace('\n  name: it\n  namespace: $N\n', ' {name: it, namespace: $N\n'),
  ],
  ['JSON without its end', 'web', json.slice(0, -3)],
  ['JSON cut off in the targets', 'the namespace', json.slice(0, json.indexOf('"web"') + 3)],
  ['JSON with a comma too much', 'web', `${json.slice(0, -2)},,}}`],
  ['a merge key that merges nothing', 'web', spec(`${targets}  <<: 7\n  action: DENY\n`)],
  [
    'a control character',
    'web',
    spec(`${targets}  action: DENY\n  rules: [{from: [{source: {namespaces: ["\\u0000"]}}]}]\n`),
  ],
  // The structure.
  ['an empty spec', 'the namespace', spec('')],
  ['a spec that is a text', 'the namespace', `${head}spec: DENY\n`],
  ['a spec that is a list', 'web', `${head}spec:\n- targetRefs: [${web}]\n`],
  ['targets beside spec', 'web', `${head}spec:\ntargetRefs: [${web}]\n`],
  ['targets that are one target', 'web', spec(`  targetRefs: ${web}\n${rules}`)],
  ['targets that are a text', 'the namespace', spec(`  targetRefs: web\n${rules}`)],
  ['targets that are empty', 'the namespace', spec(`  targetRefs:\n  action: PERHAPS\n`)],
  ['a misspelt list of targets', 'web', spec(targets.replace('targetRefs', 'targetsRef') + rules)],
  ['one target that cannot be read', 'web and the namespace', spec(`  targetRefs: [${web}, 7]\n${rules}`)],
  ['a misspelt kind of target', 'the namespace', spec(targets.replace('Service', 'Servise') + rules)],
  ['a target without a name', 'the namespace', spec(`  targetRefs: [{kind: Service, group: ""}]\n${rules}`)],
  ['a target of a wrong group', 'web', spec(targets.replace('""', 'networking.istio.io') + rules)],
  ['an unknown field', 'web', spec(`${targets}${rules}  rule: []\n`)],
  ['a rule that is a number', 'web', spec(`${targets}  action: DENY\n  rules: 7\n`)],
  ['an unknown action', 'web', spec(`${targets}  action: DENIED\n  rules: [{}]\n`)],
  [
    'a path template that cannot be expressed',
    'web',
    spec(`${targets}  rules: [{to: [{operation: {paths: ["/a{**}"]}}]}]\n`),
  ],
  [
    'an unknown condition',
    'web',
    spec(`${targets}  action: DENY\n  rules: [{when: [{key: request.path, values: [/a]}]}]\n`),
  ],
  ['a misspelt field of a rule', 'web', spec(`${targets}  action: DENY\n  rules: [{too: []}]\n`)],
  ['labels that are numbers', 'web', goodPolicy.replace('  name: it\n', '  name: it\n  labels: {a: 7}\n')],
  ['no name', 'web', goodPolicy.replace('  name: it\n', '')],
  ['a name that is a number', 'web', goodPolicy.replace('name: it', 'name: 12')],
  ['a document that is a list', 'web', `- ${flow('AuthorizationPolicy', istio, `{targetRefs: [${web}]}`)}`],
  // The kind.
  ['no kind', 'web', goodPolicy.replace('kind: AuthorizationPolicy\n', '')],
  ['no apiVersion', 'web', goodPolicy.replace('apiVersion: security.istio.io/v1\n', '')],
  ['a misspelt kind', 'web', goodPolicy.replace('AuthorizationPolicy', 'AuthorisationPolicy')],
  ['an unknown kind of the group', 'web', goodPolicy.replace('AuthorizationPolicy', 'AccessPolicy')],
  ['a version that is none', 'web', goodPolicy.replace('/v1\n', '/v9\n')],
  ['another group of the mesh', 'web', goodPolicy.replace('security.istio.io', 'networking.istio.io')],
  // Other kinds.
  ['AUDIT, which decides nothing', 'nothing', spec(`${targets}  action: AUDIT\n  rules: 7\n`)],
  [
    'no targets, so that no waypoint would read it',
    'nothing',
    spec('  selector: {matchLabels: {app: web}}\n  rules: 7\n'),
  ],
  [
    'a RequestAuthentication with a spoilt rule',
    'web',
    flow('RequestAuthentication', istio, `{targetRefs: [${web}], jwtRules: [{issuer: 7}]}`),
  ],
  [
    'a RequestAuthentication whose target cannot be read',
    'the namespace',
    flow('RequestAuthentication', istio, '{targetRefs: [{kind: Srvc, name: web}]}'),
  ],
  [
    'a RequestAuthentication that is cut off',
    'web',
    flow('RequestAuthentication', istio, `{targetRefs: [${web}], jwtRules: [`).slice(0, -3),
  ],
  [
    'a BackendTLSPolicy with a spoilt hostname',
    'web',
    flow('BackendTLSPolicy', tls, `{targetRefs: [${web}], validation: {hostname: 7}}`),
  ],
  [
    'a BackendTLSPolicy whose target cannot be read',
    'the namespace',
    flow('BackendTLSPolicy', tls, '{targetRefs: [{kind: Srvc, name: web}], validation: {}}'),
  ],
  [
    'a BackendTLSPolicy that is cut off',
    'web',
    flow('BackendTLSPolicy', tls, `{targetRefs: [${web}], validation: {`).slice(0, -3),
  ],
  [
    'a MeshConfig that is cut off',
    'the mesh',
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata: {mesh: "rootNamespace: $N',
  ],
];

const ruleCases: typeof cases = [
  // Faults beside TLS, and in TLS itself.
  ['a rule with TLS and a spoilt load balancer', 'the host', rule(`${simple}    loadBalancer: {simple: FASTEST}\n`)],
  ['a rule with TLS and an unknown field', 'the host', rule(`${simple}  hosts: [web]\n`)],
  ['a rule with an unknown mode of TLS', 'the host', rule(simple.replace('SIMPLE', 'SIMPEL'))],
  ['a rule with TLS without a mode', 'the host', rule('  trafficPolicy: {tls: {sni: web}}\n')],
  ['a rule with TLS that is a text', 'the host', rule('  trafficPolicy: {tls: SIMPLE}\n')],
  ['a rule with MUTUAL without a certificate', 'the host', rule('  trafficPolicy: {tls: {mode: MUTUAL}}\n')],
  ['a rule with a misspelt tls', 'the host', rule(simple.replace('tls', 'tsl'))],
  ['a rule with a mode that stands too high', 'the host', rule('  trafficPolicy: {mode: SIMPLE}\n')],
  [
    'a rule with TLS for a port that cannot be read',
    'the host',
    rule('  trafficPolicy: {portLevelSettings: [{port: {number: https}, tls: {mode: SIMPLE}}]}\n'),
  ],
  [
    'a rule with TLS for a subset without a name',
    'the host',
    rule('  subsets: [{labels: {version: v1}, trafficPolicy: {tls: {mode: SIMPLE}}}]\n'),
  ],
  // The text.
  ['a rule that is cut off in TLS', 'the host', rule('  trafficPolicy:\n    tls:\n      mode: "SIM')],
  ['a rule that is cut off behind tls', 'the host', rule('  trafficPolicy: {tls:')],
  ['a rule with an unclosed bracket behind TLS', 'the host', rule(`${simple}  subsets: [\n`)],
  ['a rule with an unclosed quote before TLS', 'the host', rule(`  exportTo: ["*]\n${simple}`)],
  ['a rule with an unclosed quote of its host', 'the host', goodRule.replace('host: web', 'host: "web')],
  ['a rule with an unclosed quote before its kind', 'the host', goodRule.replace('networking.', '"networking.')],
  ['a rule with TLS given twice', 'the host', rule(`${simple}    tls: {mode: DISABLE}\n`)],
  ['a rule with tabs everywhere', 'the host', goodRule.replaceAll('  ', '\t')],
  // The object.
  ['a rule whose spec is empty', 'the host', goodRule.replaceAll(/^ {2}(?=host|traffic)/gm, '')],
  ['a rule with a list of hosts', 'the host', goodRule.replace('host: web', 'hosts: [web]')],
  ['a rule without a kind', 'the host', goodRule.replace('kind: DestinationRule\n', '')],
  ['a rule with a misspelt kind', 'the host', goodRule.replace('DestinationRule', 'DestinationRules')],
  ['a rule of another group of the mesh', 'the host', goodRule.replace('networking.', 'security.')],
  ['a rule without a name', 'the host', goodRule.replace('  name: it\n', '')],
  ['a rule with TLS whose host cannot be read', 'no host', goodRule.replace('host: web', 'host: 7')],
  ['a rule that is cut off without a host', 'no host', `${ruleHead}spec:\n${simple}  subsets: [`],
  ['a rule that is exported to others', 'the host', rule(`  exportTo: [elsewhere]\n${simple}    outlier: {}\n`)],
  [
    'a rule that is cut off in whom it is exported to',
    'the host',
    rule(`${simple}  exportTo:\n  - elsewhere\n  - "sh`),
  ],
  // Without TLS.
  ['a rule with a spoilt load balancer', 'nothing', rule('  trafficPolicy: {loadBalancer: {simple: FASTEST}}\n')],
  ['a rule that disables TLS', 'nothing', rule('  trafficPolicy: {tls: {mode: DISABLE}, outlier: {}}\n')],
  ['a rule with a label that is called tls', 'nothing', rule('  subsets: [{labels: {tls: a, mode: b}}]\n')],
  [
    'a rule for some clients, which has no effect at a waypoint',
    'nothing',
    rule(`${simple}  workloadSelector: {matchLabels: 7}\n`),
  ],
];

/** All of them. */
export const oddPolicies: readonly OddPolicy[] = [...cases, ...ruleCases].map(([name, closed, text]) => ({
  name,
  closed,
  text,
}));
