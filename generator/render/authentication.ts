// Request authentication as Envoy's jwt_authn filter, which comes with the routes of a service.

import { type MessageTypes, typed } from '../../envoy-api/index.ts';
import type { Authentication, JwtProvider } from '../model/authentication.ts';
import { filterMetadata } from './names.ts';

type Extension = MessageTypes['envoy.config.core.v3.TypedExtensionConfig'];
type Requirement = MessageTypes['envoy.extensions.filters.http.jwt_authn.v3.JwtRequirement'];

const type = 'envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication';

/** The filter; none without providers. */
export function renderAuthenticationFilter({ providers }: Authentication): readonly Extension[] {
  if (providers.length === 0) return [];
  const names = providers.map((_, index) => `origins-${index}`);
  const config = {
    providers: Object.fromEntries(providers.map((provider, index) => [`origins-${index}`, renderProvider(provider)])),
    rules: [{ match: { prefix: '/' }, requires: renderRequirement(names) }],
  };
  return [{ name: filterMetadata.jwt, typed_config: typed(type, config) }];
}

/** A valid token of any provider; or for each provider, that it finds none or a valid one. */
function renderRequirement(names: readonly string[]): Requirement {
  const orMissing = (name: string): Requirement => ({
    requires_any: { requirements: [{ provider_name: name }, { allow_missing: {} }] },
  });
  const [only] = names;
  if (names.length === 1 && only !== undefined) return orMissing(only);
  return {
    requires_any: {
      requirements: [
        ...names.map((name) => ({ provider_name: name })),
        { requires_all: { requirements: names.map(orMissing) } },
      ],
    },
  };
}

function renderProvider(provider: JwtProvider): MessageTypes['envoy.extensions.filters.http.jwt_authn.v3.JwtProvider'] {
  const { fromHeaders, fromParams, fromCookies } = provider;
  return {
    issuer: provider.issuer,
    ...(provider.audiences.length === 0 ? {} : { audiences: [...provider.audiences] }),
    local_jwks: { inline_string: provider.jwks },
    forward: provider.forward,
    ...(fromHeaders.length === 0
      ? {}
      : { from_headers: fromHeaders.map(({ name, prefix }) => ({ name, value_prefix: prefix })) }),
    ...(fromParams.length === 0 ? {} : { from_params: [...fromParams] }),
    ...(fromCookies.length === 0 ? {} : { from_cookies: [...fromCookies] }),
    ...(provider.payloadHeader === undefined ? {} : { forward_payload_header: provider.payloadHeader }),
    payload_in_metadata: filterMetadata.payload,
    normalize_payload_in_metadata: {
      space_delimited_claims: [...provider.listClaims],
    },
    ...(provider.claimHeaders.length === 0
      ? {}
      : {
          claim_to_headers: provider.claimHeaders.map(({ header, claim }) => ({
            header_name: header,
            claim_name: claim,
          })),
        }),
    // Routes may match on claims.
    clear_route_cache: true,
  };
}
