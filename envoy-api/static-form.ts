// The static form of a proxy's resources. Resources that come by SRDS, RDS, EDS, ECDS and SDS are
// written into listeners and clusters, so that `envoy -c` can run it and `envoy --mode validate`
// really reads all of it.

import type { Json, JsonObject } from './json.ts';
import { type EnvoyResource, typeUrls } from './resource.ts';

/**
 * The files of the secrets of the static form: paths of PEM files, by secret name; `roots` of the
 * trust bundle.
 */
export interface SecretFiles {
  readonly certificates: Readonly<Record<string, { readonly chain: string; readonly key: string }>>;
  readonly roots: string;
}

/** Listeners and clusters that need no control plane. */
export interface StaticResources {
  readonly listeners: readonly JsonObject[];
  readonly clusters: readonly JsonObject[];
}

/**
 * Inlines everything. A reference to a resource that is not among `resources` is a defect of Cairn.
 */
export function inlineResources(resources: readonly EnvoyResource[], secrets: SecretFiles): StaticResources {
  const byKey = new Map(resources.map((resource) => [`${resource.typeUrl} ${resource.name}`, resource.json]));
  const find = (typeUrl: string, name: string): JsonObject => {
    const json = byKey.get(`${typeUrl} ${name}`);
    if (json === undefined) throw new Error(`nothing of type ${typeUrl} is named "${name}"`);
    return json;
  };
  const scopes = resources
    .filter(({ typeUrl }) => typeUrl === typeUrls.scopedRoute)
    .map(({ json: { route_configuration_name: routes, ...scope } }) => ({
      ...scope,
      route_configuration: find(typeUrls.routeConfiguration, textOf(routes)),
    }));
  const inline = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(inline);
    if (!isObject(value)) return value;
    return Object.fromEntries(
      Object.entries(inlineObject(value, { find, scopes, secrets })).map(([key, child]) => [
        key,
        child === undefined ? null : inline(child),
      ]),
    );
  };
  const ofType = (typeUrl: string): JsonObject[] =>
    resources.filter((resource) => resource.typeUrl === typeUrl).map(({ json }) => inline(json) as JsonObject);
  return { listeners: ofType(typeUrls.listener), clusters: ofType(typeUrls.cluster) };
}

interface Inlined {
  readonly find: (typeUrl: string, name: string) => JsonObject;
  /** All scopes, with their routes. */
  readonly scopes: readonly JsonObject[];
  readonly secrets: SecretFiles;
}

function inlineObject(object: JsonObject, { find, scopes, secrets }: Inlined): JsonObject {
  const { rds, scoped_routes: scoped, config_discovery: discovery, eds_cluster_config: eds, ...rest } = object;
  if (isObject(rds))
    return { ...rest, route_config: find(typeUrls.routeConfiguration, textOf(rds['route_config_name'])) };
  if (isObject(scoped)) return inlineScopes(rest, scoped, scopes);
  // Nothing of a static form is updated, and `envoy --mode validate` crashes on shared counters.
  const { sharing_name: shared, ...unshared } = object;
  if (typeof shared === 'string') return unshared;
  if (isObject(discovery)) {
    const extension = find(typeUrls.extensionConfig, textOf(object['name']));
    return { ...rest, typed_config: extension['typed_config'] ?? null };
  }
  if (isObject(eds)) {
    const name = textOf(eds['service_name'] ?? object['name']);
    return { ...rest, type: 'STATIC', load_assignment: find(typeUrls.clusterLoadAssignment, name) };
  }
  return inlineSecrets(object, secrets);
}

const onDemandFilter = 'envoy.filters.http.on_demand';
/** The beginning of the names of tunnels' scopes. */
const tunnelPrefix = 'connect|';

/**
 * A connection manager with its scopes: those of tunnels are of use only to the one that asks for
 * their routes. Its filter that asks is left out, since Envoy crashes where nobody can be asked.
 */
function inlineScopes(
  manager: JsonObject,
  { scoped_rds: _unused, ...scoped }: JsonObject,
  all: readonly JsonObject[],
): JsonObject {
  const filters = Array.isArray(manager['http_filters']) ? manager['http_filters'] : [];
  const others = filters.filter((filter) => !isObject(filter) || filter['name'] !== onDemandFilter);
  const asks = others.length < filters.length;
  const found = all.filter(({ name }) => (typeof name === 'string' && name.startsWith(tunnelPrefix)) === asks);
  const list = { scoped_route_configurations: found.length > 0 ? found : [noScope] };
  return {
    ...manager,
    http_filters: others,
    scoped_routes: { ...scoped, scoped_route_configurations_list: list },
  };
}

/** Envoy refuses an empty list. */
const noScope: JsonObject = {
  name: 'none',
  key: { fragments: [{ string_key: '' }] },
  route_configuration: { name: 'none' },
};

function inlineSecrets(object: JsonObject, secrets: SecretFiles): JsonObject {
  const {
    tls_certificate_sds_secret_configs: certificates,
    combined_validation_context: combined,
    validation_context_sds_secret_config: _unused,
    ...rest
  } = object;
  if (!Array.isArray(certificates) && !isObject(combined)) return object;
  const validation = isObject(combined) ? combined['default_validation_context'] : undefined;
  return {
    ...rest,
    ...(Array.isArray(certificates)
      ? { tls_certificates: certificates.map((config) => renderCertificate(config, secrets)) }
      : {}),
    ...(isObject(combined)
      ? {
          validation_context: {
            ...(isObject(validation) ? validation : {}),
            trusted_ca: { filename: secrets.roots },
          },
        }
      : {}),
  };
}

function renderCertificate(config: Json, secrets: SecretFiles): JsonObject {
  const name = isObject(config) ? textOf(config['name']) : '';
  const files = secrets.certificates[name];
  if (files === undefined) throw new Error(`no certificate is given for the secret "${name}"`);
  return { certificate_chain: { filename: files.chain }, private_key: { filename: files.key } };
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
