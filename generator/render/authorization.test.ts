// The shapes that decide whether a mistake is open or closed.

import { describe, expect, it } from 'vitest';
import { encodeMessage } from '../../envoy-api/index.ts';
import { type Authorization, type AuthorizationRule, openAuthorization } from '../model/authorization.ts';
import {
  denyAll,
  listAllowPolicies,
  renderAllowFilter,
  renderDenyFilter,
  renderObservedVerdict,
  renderTunnelAuthorization,
  tunnelAllowFilter,
  tunnelDenyFilter,
} from './authorization.ts';

const rule: AuthorizationRule = {
  key: 'ns[a]-policy[b]-rule[0]',
  operation: { all: [{ path: { exact: '/' } }, { not: { any: [] } }] },
  source: { any: [{ identity: { exact: 'spiffe://x' } }, { sourceAddress: { address: '10.0.0.0', prefix: 8 } }] },
};

const of = (authorization: Partial<Authorization>): Authorization => ({ ...openAuthorization, ...authorization });
const rbac = (kind: string, fields: Record<string, unknown> = {}): Record<string, unknown> => ({
  '@type': `type.googleapis.com/envoy.extensions.filters.http.rbac.v3.${kind}`,
  ...fields,
});

describe('the filters of requests', () => {
  it('take the place of the one that allows nothing, which decides nothing only without ALLOW policies', () => {
    expect(denyAll).toMatchObject({ typed_config: { rules: { action: 'ALLOW', policies: {} } } });
    const open = renderAllowFilter(openAuthorization);
    expect(open).toEqual({ name: denyAll.name, typed_config: rbac('RBAC') });
    expect(renderAllowFilter(of({ allow: [] }))).toMatchObject({
      name: denyAll.name,
      typed_config: { rules: { action: 'ALLOW', policies: {} } },
    });
  });

  it('are only those that something needs', () => {
    expect(renderDenyFilter(openAuthorization)).toEqual([]);
    expect(renderDenyFilter(of({ deny: [rule] }))).toHaveLength(1);
    expect(renderDenyFilter(of({ observed: { audit: [], deny: [rule] } }))).toHaveLength(1);
  });

  it('have predicates that Envoy’s schema accepts', () => {
    const filter = renderAllowFilter(of({ allow: [{ ...rule, operation: { any: [] }, source: { all: [] } }] }));
    const filters = [filter, ...renderDenyFilter(of({ deny: [rule] }))];
    for (const each of filters) expect(encodeMessage('envoy.config.core.v3.TypedExtensionConfig', each)).toBeDefined();
    expect(filter).toMatchObject({
      typed_config: {
        rules: {
          policies: { [rule.key]: { permissions: [{ not_rule: { any: true } }], principals: [{ any: true }] } },
        },
      },
    });
  });
});

describe('the rules of tunnels', () => {
  it('allow nothing where a virtual host says nothing', () => {
    expect(tunnelDenyFilter).toMatchObject({ name: 'cairn.rbac.deny', typed_config: {} });
    const policies = tunnelAllowFilter.typed_config?.['rules'];
    // A tunnel without a route goes on to the router, which refuses it.
    expect(policies).toMatchObject({ action: 'ALLOW', policies: { 'no-route': {} } });
    expect(Object.keys((policies as { policies: object }).policies)).toEqual(['no-route']);
  });

  it('turn the allow filter off only where no policy allows anything', () => {
    expect(renderTunnelAuthorization(openAuthorization)).toEqual({ 'cairn.rbac.allow': rbac('RBACPerRoute') });
    expect(renderTunnelAuthorization(of({ allow: [] }))).toMatchObject({
      'cairn.rbac.allow': { rbac: { rules: { action: 'ALLOW', policies: {} } } },
    });
  });

  it('give a verdict of both filters on a port that is sniffed, whatever policies there are', () => {
    expect(renderObservedVerdict(openAuthorization)).toMatchObject({
      'cairn.rbac.deny': { rbac: { shadow_rules: { action: 'DENY', policies: {} } } },
      'cairn.rbac.allow': {
        rbac: {
          shadow_rules: { policies: { 'no-policy': { permissions: [{ any: true }], principals: [{ any: true }] } } },
        },
      },
    });
    expect(renderObservedVerdict(of({ allow: [] }))).toMatchObject({
      'cairn.rbac.allow': { rbac: { shadow_rules: { action: 'ALLOW', policies: {} } } },
    });
    expect(JSON.stringify(renderObservedVerdict(of({ deny: [rule], allow: [rule] })))).not.toContain(
      '"rules":{"action"',
    );
  });

  it('read the port that the client dialled from the authority', () => {
    const port: AuthorizationRule = { ...rule, operation: { not: { destinationPort: 80 } } };
    const text = JSON.stringify(renderObservedVerdict(of({ deny: [port] })));
    expect(text).toContain('{"not_rule":{"header":{"name":":authority","string_match":{"suffix":":80"}}}}');
  });
});

it('names the policies that were tried', () => {
  expect(listAllowPolicies(of({ allow: [], allowPolicies: ['a/b', 'c/d'] }))).toEqual({ allow_policies: 'a/b,c/d' });
});
