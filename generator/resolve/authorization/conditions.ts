// The `when` of a rule: attributes by name, each on the source's or the operation's side of the
// decision.

import type { Condition } from '../../../mesh/index.ts';
import type { ClientCondition, Combined, OperationCondition, OperationPredicate } from '../../model/authorization.ts';
import { isInBlock, parseAddressBlock } from './address-block.ts';
import { claimField, filterMetadataField, parseClaimPath, requestPrincipalField } from './claims.ts';
import { resolveValues } from './field.ts';
import type { FieldDefinition, Problem, RuleScope } from './field.ts';
import { headerField } from './headers.ts';
import { hostField } from './hosts.ts';
import { methodField, portField } from './operations.ts';
import { pathHeaderField } from './paths.ts';
import { always, never } from './predicate.ts';
import { sourceFields } from './sources.ts';

/** An attribute, on its side of the decision; without a definition it is none. */
type Attribute =
  | { readonly side: 'source'; readonly definition: FieldDefinition<ClientCondition> | undefined }
  | { readonly side: 'operation'; readonly definition: FieldDefinition<OperationCondition> | undefined };

/** A condition's meaning; a predicate is undefined when it was reported and cannot be expressed. */
export type ResolvedCondition =
  | { readonly side: 'source'; readonly predicates: readonly (Combined<ClientCondition> | undefined)[] }
  | { readonly side: 'operation'; readonly predicates: readonly (Combined<OperationCondition> | undefined)[] };

/** One condition of `when`; its values must match and its notValues must not. */
export function resolveCondition(
  scope: RuleScope,
  condition: Condition,
  path: readonly (string | number)[],
): ResolvedCondition {
  const attribute = attributeOf(condition.key);
  return attribute.side === 'source'
    ? { side: 'source', predicates: resolveLists(scope, condition, attribute.definition, path) }
    : { side: 'operation', predicates: resolveLists(scope, condition, attribute.definition, path) };
}

function resolveLists<C extends object>(
  scope: RuleScope,
  { key, values, notValues, ...unknown }: Condition,
  definition: FieldDefinition<C> | undefined,
  path: readonly (string | number)[],
): readonly (Combined<C> | undefined)[] {
  const failed = [undefined];
  if (definition === undefined) {
    scope.report([...path, 'key'], {
      code: 'InvalidValue',
      message: `"${key}" is not an attribute`,
      hint: 'attributes are source.*, remote.ip, request.headers[<name>], request.auth.*, destination.port, destination.ip and connection.sni',
    });
    return failed;
  }
  for (const name of Object.keys(unknown)) {
    scope.report([...path, name], { code: 'UnknownField', message: `"${name}" is not a field` });
    return failed;
  }
  if (values === undefined && notValues === undefined) {
    scope.report(path, { code: 'MissingField', message: `the condition on "${key}" has neither values nor notValues` });
    return failed;
  }
  if (key === 'connection.sni' && scope.target.protocol === 'http') {
    const problem: Problem = {
      code: 'FieldNotSupported',
      message: 'requests that a waypoint reads have no server name, so values never match and notValues always do',
      hint: 'match on hosts',
    };
    scope.warn([...path, 'key'], problem, (values ?? []).length === 0);
  }
  const lists = [
    { name: 'values', list: values, negated: false },
    { name: 'notValues', list: notValues, negated: true },
  ].filter(({ list }) => list !== undefined);
  return lists.map(({ name, list, negated }) =>
    resolveValues(scope, { name: key, definition, values: list, negated, path: [...path, name] }),
  );
}

const sourceKeys: Readonly<Record<string, FieldDefinition<ClientCondition> | undefined>> = {
  'source.principal': sourceFields['principals'],
  'source.namespace': sourceFields['namespaces'],
  'source.serviceAccount': sourceFields['serviceAccounts'],
  'source.trustDomain': sourceFields['trustDomains'],
  'source.ip': sourceFields['ipBlocks'],
  'remote.ip': sourceFields['remoteIpBlocks'],
};

function attributeOf(key: string): Attribute {
  if (Object.hasOwn(sourceKeys, key)) return { side: 'source', definition: sourceKeys[key] };
  if (key === 'destination.port') return { side: 'operation', definition: portField };
  if (key === 'destination.ip') return { side: 'operation', definition: { resolve: resolveDestinationAddress } };
  const header = /^request\.headers\[(:?[!#$%&'*+.^_`|~0-9A-Za-z-]+)\]$/.exec(key)?.[1];
  if (header !== undefined) return { side: 'operation', definition: fieldOfHeader(header.toLowerCase()) };
  if (key.startsWith('request.auth.')) {
    return { side: 'source', definition: tokenField(key.slice('request.auth.'.length)) };
  }
  if (key === 'connection.sni') return { side: 'operation', definition: serverNameField };
  const [, filter, name] = /^experimental\.(envoy\.filters\.[^[\]]+)\[([^[\]]+)\]$/.exec(key) ?? [];
  if (filter !== undefined && name !== undefined) {
    return { side: 'source', definition: filterMetadataField(filter, name) };
  }
  return { side: 'operation', definition: undefined };
}

/**
 * Headers that are part of the request line in one version of HTTP or another are read like the
 * fields of an operation.
 */
function fieldOfHeader(name: string): FieldDefinition<OperationCondition> {
  if (name === 'host' || name === ':authority') return hostField;
  if (name === ':method') return methodField;
  return name === ':path' ? pathHeaderField : headerField(name);
}

function tokenField(key: string): FieldDefinition<ClientCondition> | undefined {
  if (key === 'principal') return requestPrincipalField;
  if (key === 'audiences') return claimField(['aud']);
  if (key === 'presenter') return claimField(['azp'], 'text');
  const path = /^claims(\[.+)$/.exec(key)?.[1];
  const keys = path === undefined ? undefined : parseClaimPath(path);
  return keys === undefined ? undefined : claimField(keys);
}

/**
 * HTTP that a waypoint reads is not inside TLS of the client's own, so no request has a server
 * name.
 */
const serverNameField: FieldDefinition<OperationCondition> = {
  resolve: (_value, scope) =>
    scope.target.protocol === 'http'
      ? never
      : {
          code: 'FieldNotSupported',
          message: `"connection.sni" is not known where port ${scope.target.port} is decided, before the client sends a byte`,
        },
};

function resolveDestinationAddress(value: string, { target }: RuleScope): OperationPredicate | Problem {
  const block = parseAddressBlock(value);
  if (block === undefined) {
    return { code: 'AddressInvalid', message: `"${value}" is not an IP address or a CIDR block` };
  }
  const inside = (target.addresses ?? []).map((address) => isInBlock(block, address));
  if (inside.length > 0 && inside.every((answer) => answer === true)) return always;
  if (inside.length > 0 && inside.every((answer) => answer === false)) return never;
  return {
    code: 'FieldNotSupported',
    message: `whether "${value}" is the destination cannot be told from the addresses of ${target.service.kind} "${target.service.name}"`,
    hint: 'name the service in targetRefs instead',
  };
}
