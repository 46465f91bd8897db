// The static form of a proxy's resources. Resources that come by RDS, EDS, ECDS and SDS are written
// into listeners and clusters, so that `envoy -c` can run it and `envoy --mode validate` really
// reads all of it.

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
  const inline = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(inline);
    if (!isObject(value)) return value;
    return Object.fromEntries(
      Object.entries(inlineObject(value, find, secrets)).map(([key, child]) => [
        key,
        child === undefined ? null : inline(child),
      ]),
    );
  };
  const ofType = (typeUrl: string): JsonObject[] =>
    resources.filter((resource) => resource.typeUrl === typeUrl).map(({ json }) => inline(json) as JsonObject);
  return { listeners: ofType(typeUrls.listener), clusters: ofType(typeUrls.cluster) };
}

function inlineObject(
  object: JsonObject,
  find: (typeUrl: string, name: string) => JsonObject,
  secrets: SecretFiles,
): JsonObject {
  const { rds, config_discovery: discovery, eds_cluster_config: eds, ...rest } = object;
  if (isObject(rds))
    return { ...rest, route_config: find(typeUrls.routeConfiguration, textOf(rds['route_config_name'])) };
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
