// Checks resources against the validation rules that Envoy applies on arrival, so that the
// generator's faults are found before they are sent.

import { Buffer } from 'node:buffer';
import type protobuf from 'protobufjs/light.js';
import { formatPath } from './encode-error.ts';
import { constraintsText } from './generated/constraints.ts';
import { typeNameOf, type EnvoyResource } from './resource.ts';
import { checkBytes, checkItems, checkMembership, checkNumber, checkPairs, checkString, type Limits } from './rules.ts';
import { fieldShapes, findMessage, messageName, type FieldShape } from './schema.ts';
import { isWrapper } from './well-known.ts';

/**
 * One broken rule: the path from the resource's root (`virtual_hosts[0].domains`) and the rule's
 * demand.
 */
export interface ConstraintViolation {
  readonly path: string;
  readonly message: string;
}

type Rules = { readonly [kind: string]: Limits };

interface MessageConstraints {
  readonly fields?: { readonly [field: string]: Rules };
  readonly oneofs?: { readonly [oneof: string]: readonly string[] };
}

let constraints: { readonly [message: string]: MessageConstraints } | undefined;

function constraintsOf(name: string): MessageConstraints | undefined {
  constraints ??= JSON.parse(constraintsText) as { readonly [message: string]: MessageConstraints };
  return constraints[name];
}

/**
 * Every rule that the resource breaks, nested messages included; empty when Envoy's validation
 * would let it pass.
 */
export function checkResource(resource: EnvoyResource): readonly ConstraintViolation[] {
  return checkMessage(typeNameOf(resource.typeUrl), resource.json);
}

/** As `checkResource`, for any message of the schema, e.g. a bootstrap. */
export function checkMessage(typeName: string, json: unknown): readonly ConstraintViolation[] {
  const type = findMessage(typeName);
  if (type === undefined) return [{ path: '', message: `${typeName} is not in the schema` }];
  const check = new Check();
  check.message(type, json);
  return check.violations;
}

/**
 * One walk through a resource: its position, and the breaches so far. It leaves values of a wrong
 * type to the encoder, which refuses them.
 */
class Check {
  readonly violations: ConstraintViolation[] = [];
  readonly #path: (string | number)[] = [];

  message(type: protobuf.Type, json: unknown): void {
    if (!isObject(json)) return;
    const name = messageName(type);
    if (name === 'google.protobuf.Any') return this.#any(json);
    if (name.startsWith('google.protobuf.')) return;
    const { fields = {}, oneofs = {} } = constraintsOf(name) ?? {};
    for (const [oneof, members] of Object.entries(oneofs)) {
      if (members.every((member) => !isSet(json[member])))
        this.#report(`needs one of ${members.join(', ')} (${oneof})`);
    }
    for (const shape of fieldShapes(type).values()) {
      const rules = fields[shape.name];
      const value = json[shape.name];
      if (rules === undefined && !isSet(value)) continue;
      this.#at(shape.name, () => this.#field(shape, rules ?? {}, value));
    }
  }

  #any(json: Readonly<Record<string, unknown>>): void {
    const type = findMessage(typeNameOf(String(json['@type'])));
    if (type !== undefined) this.message(type, json);
  }

  #field(shape: FieldShape, rules: Rules, value: unknown): void {
    if (!isSet(value)) return this.#absent(shape, rules);
    if (shape.kind === 'repeated') return this.#list(shape, rules, value);
    if (shape.kind === 'map') return this.#map(shape, rules, value);
    this.#value(shape, rules, value);
  }

  // A scalar that is not set has its default value, which must obey the rules too; members of a
  // oneof only when they are set.
  #absent(shape: FieldShape, rules: Rules): void {
    if (shape.oneof !== undefined) return;
    if (['message', 'any', 'duration', 'timestamp'].some((kind) => rules[kind]?.['required'] === true))
      this.#report('is required');
    else if (shape.kind === 'repeated') this.#list(shape, rules, []);
    else if (shape.kind === 'map') this.#map(shape, rules, {});
    else if (!shape.hasPresence) this.#value(shape, rules, defaultOf(shape));
  }

  #list(shape: FieldShape, rules: Rules, value: unknown): void {
    if (!Array.isArray(value)) return;
    const limits = rules['repeated'] ?? {};
    if (limits['ignore_empty'] === true && value.length === 0) return;
    this.#report(checkItems(value.length, limits));
    const texts = value.map((item: unknown) => JSON.stringify(item));
    if (limits['unique'] === true && new Set(texts).size < texts.length)
      this.#report('must not hold the same item twice');
    for (const [index, item] of value.entries())
      this.#at(index, () => this.#value(shape, rulesIn(limits, 'items'), item));
  }

  #map(shape: FieldShape, rules: Rules, value: unknown): void {
    if (!isObject(value)) return;
    const limits = rules['map'] ?? {};
    this.#report(checkPairs(Object.keys(value).length, limits));
    const keyLimits = rulesIn(limits, 'keys')['string'];
    for (const [key, item] of Object.entries(value)) {
      this.#at(key, () => {
        if (keyLimits !== undefined) this.#report(prefixed('key', checkString(key, keyLimits)));
        this.#value(shape, rulesIn(limits, 'values'), item);
      });
    }
  }

  #value(shape: FieldShape, rules: Rules, value: unknown): void {
    for (const [kind, limits] of Object.entries(rules)) this.#report(checkValue(shape, kind, limits, value));
    if (shape.message !== undefined && !isWrapper(messageName(shape.message)) && rules['message']?.['skip'] !== true) {
      this.message(shape.message, value);
    }
  }

  #at(segment: string | number, work: () => void): void {
    this.#path.push(segment);
    work();
    this.#path.pop();
  }

  #report(message: string | undefined): void {
    if (message !== undefined) this.violations.push({ path: formatPath(this.#path), message });
  }
}

function checkValue(shape: FieldShape, kind: string, limits: Limits, value: unknown): string | undefined {
  switch (kind) {
    case 'string':
      return typeof value === 'string' ? checkString(value, limits) : undefined;
    case 'bytes':
      return typeof value === 'string' ? checkBytes(Buffer.from(value, 'base64').length, limits) : undefined;
    case 'bool':
      return checkMembership(value, limits);
    case 'enum':
      return checkEnum(shape, limits, value);
    case 'duration':
      return typeof value === 'string' ? checkNumber(Number.parseFloat(value), limits) : undefined;
    case 'message':
    case 'any':
    case 'repeated':
    case 'map':
      return undefined;
    default:
      return typeof value === 'number' || typeof value === 'string' ? checkNumber(Number(value), limits) : undefined;
  }
}

function checkEnum(shape: FieldShape, limits: Limits, value: unknown): string | undefined {
  const values = shape.enumeration?.values ?? {};
  const number = typeof value === 'string' ? values[value] : value;
  if (limits['defined_only'] === true && !Object.values(values).includes(Number(number)))
    return 'is not a value of the enum';
  const wrong = checkMembership(number, limits);
  return wrong === undefined ? undefined : `must not be ${String(value)}`;
}

function defaultOf(shape: FieldShape): unknown {
  if (shape.enumeration !== undefined) return 0;
  if (shape.scalar === 'string' || shape.scalar === 'bytes') return '';
  return shape.scalar === 'bool' ? false : 0;
}

function rulesIn(limits: Limits, name: string): Rules {
  return (limits[name] ?? {}) as Rules;
}

function prefixed(prefix: string, message: string | undefined): string | undefined {
  return message === undefined ? undefined : `${prefix} ${message}`;
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
