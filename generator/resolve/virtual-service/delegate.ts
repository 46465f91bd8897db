// VirtualService `http[].delegate`: the rules of another VirtualService replace the rule, each
// joined with it. A delegate may only narrow its root's matches: a rule whose conditions go beyond
// the root's is left out, and reported.

import type {
  FieldPath,
  FindingCode,
  HttpMatchRequest,
  HttpRoute,
  MeshObject,
  StringMatch,
} from '../../../mesh/index.ts';
import { isExportedTo } from '../waypoint/visibility.ts';
import { reportField, type VirtualServiceContext } from './context.ts';

/** A rule, and its place: fields that a delegate took over from its root belong to the root. */
export interface SourcedRule {
  readonly rule: HttpRoute;
  /** Names the rule in access logs when it has no name itself. */
  readonly owner: MeshObject<'VirtualService'>;
  readonly path: FieldPath;
  /** The object and the path of a field of the rule. */
  readonly place: (field: keyof HttpRoute) => Place;
  /** The object and the path of the match at an index. */
  readonly placeMatch: (index: number) => Place;
}

interface Place {
  readonly context: VirtualServiceContext;
  readonly path: FieldPath;
}

/**
 * The rules of a VirtualService in order, those of delegates in place of the rules that name them.
 */
export function expandDelegates(context: VirtualServiceContext): readonly (readonly SourcedRule[])[] {
  return (context.owner.spec.http ?? []).map((rule, order) => {
    const path: FieldPath = ['spec', 'http', order];
    if (rule.delegate === undefined) {
      const place: SourcedRule['place'] = (field) => ({ context, path: [...path, field] });
      const placeMatch = (index: number): Place => ({ context, path: [...path, 'match', index] });
      return [{ rule, owner: context.owner, path, place, placeMatch }];
    }
    return joinDelegate(context, rule, path);
  });
}

function joinDelegate(context: VirtualServiceContext, root: HttpRoute, path: FieldPath): readonly SourcedRule[] {
  const { name = '', namespace = context.owner.metadata.namespace } = root.delegate ?? {};
  const delegate = context.mesh.get('VirtualService', namespace, name);
  const problem = delegateProblem(delegate, `${namespace}/${name}`, context.owner.metadata.namespace);
  if (delegate === undefined || problem !== undefined) {
    const [code, message, hint] = problem ?? ['DelegateInvalid', ''];
    reportField(context, code, [...path, 'delegate'], `${message}, so this rule has no effect`, hint);
    return [];
  }
  const owned: VirtualServiceContext = { ...context, owner: delegate };
  return (delegate.spec.http ?? []).flatMap((rule, index): readonly SourcedRule[] => {
    const own: FieldPath = ['spec', 'http', index];
    if (rule.delegate !== undefined) {
      const message = `VirtualService ${context.owner.metadata.namespace}/${context.owner.metadata.name} delegates to this one, which cannot delegate further, so this rule has no effect`;
      reportField(owned, 'DelegateInvalid', [...own, 'delegate'], message, 'write the rules of the delegate here');
      return [];
    }
    const joined = joinMatches(root.match ?? [], rule.match ?? []);
    if (joined === undefined) {
      const message = `the conditions go beyond those of VirtualService ${context.owner.metadata.namespace}/${context.owner.metadata.name}, which delegates to this one, so this rule has no effect`;
      const hint = 'let every match take only what a match of the delegating rule takes too';
      reportField(owned, 'DelegateInvalid', [...own, 'match'], message, hint);
      return [];
    }
    const inherited = inheritedFields.filter((field) => rule[field] === undefined && root[field] !== undefined);
    const ruleName = joinNames(root.name, rule.name);
    return [
      {
        rule: {
          ...rule,
          ...Object.fromEntries(inherited.map((field) => [field, root[field]])),
          match: joined.map(({ match }) => match),
          ...(ruleName === undefined ? {} : { name: ruleName }),
        },
        owner: delegate,
        path: own,
        place: (field) =>
          inherited.some((known) => known === field)
            ? { context, path: [...path, field] }
            : { context: owned, path: [...own, field] },
        placeMatch: (order) => {
          const from = joined[order]?.from;
          return from?.object === 'root'
            ? { context, path: [...path, 'match', from.index] }
            : { context: owned, path: [...own, 'match', from?.index ?? 0] };
        },
      },
    ];
  });
}

function delegateProblem(
  delegate: MeshObject<'VirtualService'> | undefined,
  name: string,
  viewer: string,
): readonly [code: FindingCode, message: string, hint?: string] | undefined {
  if (delegate === undefined) {
    return ['DelegateInvalid', `VirtualService ${name} does not exist`, 'check its name and namespace'];
  }
  if ((delegate.spec.hosts ?? []).length > 0) {
    return [
      'DelegateInvalid',
      `VirtualService ${name} has hosts, and only one without hosts can be delegated to`,
      `remove spec.hosts of VirtualService ${name}`,
    ];
  }
  if (!isExportedTo(delegate.spec.exportTo, delegate.metadata.namespace, viewer)) {
    return ['DelegateInvalid', `VirtualService ${name} is not exported to namespace ${viewer}`, 'add it to exportTo'];
  }
  return undefined;
}

/** The fields that a delegate's rule takes over from its root if it has none of its own. */
const inheritedFields = [
  'rewrite',
  'directResponse',
  'timeout',
  'retries',
  'fault',
  'mirror',
  'mirrorPercent',
  'mirrorPercentage',
  'mirrors',
  'corsPolicy',
  'headers',
] as const satisfies readonly (keyof HttpRoute)[];

function joinNames(root: string | undefined, own: string | undefined): string | undefined {
  const names = [root, own].filter((name) => name !== undefined && name !== '');
  return names.length === 0 ? undefined : names.join('-');
}

interface JoinedMatch {
  readonly match: HttpMatchRequest;
  readonly from: { readonly object: 'root' | 'delegate'; readonly index: number };
}

/**
 * Each match of the delegate with each match of the root that it narrows; undefined when one of
 * them narrows none.
 */
function joinMatches(
  root: readonly HttpMatchRequest[],
  own: readonly HttpMatchRequest[],
): readonly JoinedMatch[] | undefined {
  if (own.length === 0) return root.map((match, index) => ({ match, from: { object: 'root', index } }));
  const joined = own.map((match, index): readonly JoinedMatch[] => {
    const from = { object: 'delegate', index } as const;
    if (root.length === 0) return [{ match, from }];
    return root.flatMap((above) => {
      const both = joinMatch(above, match);
      return both === undefined ? [] : [{ match: both, from }];
    });
  });
  return joined.some((list) => list.length === 0) ? undefined : joined.flat();
}

/** How a field of a delegate's match is joined with that of its root's match. */
interface MatchField<V> {
  /** Whether it takes only requests that the root's takes too, as far as can be decided. */
  readonly isWithin: (own: V | undefined, root: V | undefined) => boolean;
  /** The joined condition; by default the delegate's own, else the root's. */
  readonly join?: (own: V, root: V) => V;
}

type MatchFields = Required<HttpMatchRequest>;

/** A match, field by field. */
type SomeFields = { readonly [F in keyof MatchFields]?: MatchFields[F] | undefined };

type Texts = Readonly<Record<string, StringMatch>>;

const text: MatchField<StringMatch> = { isWithin };
const texts: MatchField<Texts> = {
  isWithin: (own = {}, root = {}) => Object.entries(own).every(([name, value]) => isWithin(value, root[name])),
  join: (own, root) => ({ ...root, ...own }),
};
const free = { isWithin: () => true };

/** Every field of a match: a new one has to state here how it is joined. */
const matchFields: { readonly [F in keyof MatchFields]: MatchField<MatchFields[F]> } = {
  name: { ...free, join: (own, root) => joinNames(root, own) ?? '' },
  statPrefix: free,
  uri: text,
  scheme: text,
  method: text,
  authority: text,
  headers: texts,
  withoutHeaders: {
    // Of two values that must not be there, the one within the other adds nothing to it.
    isWithin: (own = {}, root = {}) =>
      Object.entries(own).every(([name, value]) => isWithin(value, root[name]) || isWithin(root[name], value)),
    join: (own, root) => ({
      ...root,
      ...Object.fromEntries(Object.entries(own).filter(([name, value]) => isWithin(root[name], value))),
    }),
  },
  queryParams: texts,
  ignoreUriCase: { isWithin: (own = false, root = false) => own === root },
  port: { isWithin: isSame },
  sourceNamespace: { isWithin: isSame },
  sourceLabels: {
    isWithin: (own = {}, root = {}) => Object.entries(own).every(([label, value]) => isSame(value, root[label])),
    join: (own, root) => ({ ...root, ...own }),
  },
  gateways: { isWithin: (own = [], root = []) => root.length === 0 || own.every((name) => root.includes(name)) },
};

const fieldNames = Object.keys(matchFields) as readonly (keyof MatchFields)[];

/** Of a field whose conditions go beyond those of the root. */
const wider: unique symbol = Symbol('wider');

/**
 * Both matches in one; undefined when `own` takes something that `root` does not take, as far as
 * can be decided field by field.
 */
function joinMatch(root: HttpMatchRequest, own: HttpMatchRequest): HttpMatchRequest | undefined {
  const joined = fieldNames.map((field) => [field, joinField(field, root, own)] as const);
  if (joined.some(([, value]) => value === wider)) return undefined;
  return Object.fromEntries(joined.filter(([, value]) => value !== undefined));
}

function joinField<F extends keyof MatchFields>(
  field: F,
  { [field]: root }: SomeFields,
  { [field]: own }: SomeFields,
): MatchFields[F] | typeof wider | undefined {
  const { isWithin: isNarrower, join } = matchFields[field];
  if (!isNarrower(own, root)) return wider;
  return root === undefined || own === undefined || join === undefined ? (own ?? root) : join(own, root);
}

function isSame<T extends string | number>(own: T | undefined, root: T | undefined): boolean {
  return own === undefined || root === undefined || own === root;
}

/**
 * Regular expressions cannot be compared, so two conditions with one among them never fit, as in
 * Istio.
 */
function isWithin(own: StringMatch | undefined, root: StringMatch | undefined): boolean {
  if (own === undefined || root === undefined) return true;
  const text = own.exact ?? own.prefix;
  if (own.regex !== undefined || root.regex !== undefined || text === undefined) return false;
  if (root.exact !== undefined) return own.exact === root.exact;
  return root.prefix !== undefined && text.startsWith(root.prefix);
}
