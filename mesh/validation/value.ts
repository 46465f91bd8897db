// Checks of single values that several kinds share.

import { isIpRange } from '../address.ts';
import { parseDuration } from '../duration.ts';
import type { FieldPath } from '../finding.ts';
import { isDnsLabel } from '../host.ts';
import type { Problem } from '../reading/problem.ts';
import { errorAt } from '../reading/problem.ts';
import { checkRegex } from '../regex.ts';

/**
 * A duration as `5s` or `1m30s`: zero, or at least a millisecond, since a proxy counts in
 * milliseconds. Absent is fine.
 */
export function checkDuration(text: string | undefined, path: FieldPath): readonly Problem[] {
  if (text === undefined) return [];
  const time = parseDuration(text);
  if (time !== undefined) return time > 0 && time < shortestMilliseconds ? [tooShort(text, path)] : [];
  const hint = /^\d+(?:\.\d+)?$/.test(text) ? `did you mean \`${text}s\`?` : 'write it as `5s`, `1m30s` or `100ms`';
  return [errorAt('InvalidValue', path, `\`${text}\` is not a duration.`, hint)];
}

/** A duration that must be longer than zero; absent is fine. */
export function checkTime(text: string | undefined, path: FieldPath): readonly Problem[] {
  return text !== undefined && parseDuration(text) === 0 ? [tooShort(text, path)] : checkDuration(text, path);
}

const shortestMilliseconds = 1;

function tooShort(text: string, path: FieldPath): Problem {
  return errorAt('InvalidValue', path, `\`${text}\` is too short: it must be 1ms at least.`);
}

/** The name of a header, or of something with the same characters. */
export function isToken(text: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text);
}

/** A number within bounds; absent is fine. */
export function checkRange(value: number | undefined, low: number, high: number, path: FieldPath): readonly Problem[] {
  if (value === undefined || (value >= low && value <= high)) return [];
  return [errorAt('InvalidValue', path, `\`${value}\` is out of range: ${low} to ${high}.`)];
}

/** A port number; absent is fine. */
export function checkPort(value: number | undefined, path: FieldPath): readonly Problem[] {
  return checkRange(value, 1, 65_535, path);
}

/** A pattern that Envoy accepts; absent is fine. */
export function checkPattern(pattern: string | undefined, path: FieldPath): readonly Problem[] {
  if (pattern === undefined) return [];
  const problem = checkRegex(pattern);
  if (problem === undefined) return [];
  return [errorAt('RegexInvalid', path, `The pattern is not valid in RE2: ${problem}.`)];
}

/** NUL, CR and LF: Envoy refuses whole route configurations for one of them. */
export function checkOneLine(text: string | undefined, path: FieldPath): readonly Problem[] {
  return text !== undefined && /[\0\r\n]/.test(text)
    ? [errorAt('InvalidValue', path, `${JSON.stringify(text)} has a line break or a NUL, which no request can have.`)]
    : [];
}

/** IP addresses or ranges; absent is fine. */
export function checkIpRanges(ranges: readonly string[] | undefined, path: FieldPath): readonly Problem[] {
  return (ranges ?? []).flatMap((range, index) =>
    isIpRange(range)
      ? []
      : [
          errorAt(
            'AddressInvalid',
            [...path, index],
            `\`${range}\` is no IP address or range.`,
            'write it as `10.1.2.3` or `10.0.0.0/8`',
          ),
        ],
  );
}

/** Names that must differ; the second of two equals is reported. */
export function checkUnique(
  names: readonly (string | number | undefined)[],
  path: FieldPath,
  field: string,
): readonly Problem[] {
  return names.flatMap((name, index) =>
    name !== undefined && names.indexOf(name) < index
      ? [errorAt('InvalidValue', [...path, index, field], `\`${name}\` is used twice in this list.`)]
      : [],
  );
}

/** A name of a port, which becomes part of a DNS name. */
export function checkPortName(name: string, path: FieldPath): readonly Problem[] {
  if (isDnsLabel(name)) return [];
  return [errorAt('InvalidValue', path, `\`${name}\` is no name of a port: letters, digits and "-", 63 at most.`)];
}

const labelName = /^(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[-\w.]{0,61}[A-Za-z0-9])?$/;
const labelValue = /^(?:[A-Za-z0-9](?:[-\w.]{0,61}[A-Za-z0-9])?)?$/;

/** Labels as Kubernetes has them; absent is fine. */
export function checkLabels(labels: Readonly<Record<string, string>> | undefined, path: FieldPath): readonly Problem[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => {
    if (!labelName.test(key)) return [errorAt('InvalidValue', [...path, key], `\`${key}\` is no name of a label.`)];
    if (labelValue.test(value)) return [];
    return [errorAt('InvalidValue', [...path, key], `\`${value}\` is no value of a label.`)];
  });
}

/** The labels of a selector, which are compared as they are. */
export function checkSelector(
  labels: Readonly<Record<string, string>> | undefined,
  path: FieldPath,
): readonly Problem[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) =>
    key === '' || `${key}${value}`.includes('*')
      ? [errorAt('InvalidValue', [...path, key], 'A selector compares labels as they are: it has no wildcards.')]
      : [],
  );
}

/**
 * The namespaces in which an object is visible: `.`, `*`, `~` or names. `*` and `~` are complete,
 * so nothing can stand beside them.
 */
export function checkExportTo(exportTo: readonly string[] | undefined): readonly Problem[] {
  return (exportTo ?? []).flatMap((namespace, index) => {
    const path = ['spec', 'exportTo', index];
    if (!['.', '*', '~'].includes(namespace) && !isDnsLabel(namespace)) {
      const hint = 'write the name of a namespace, `.` for its own, `*` for all';
      return [errorAt('InvalidValue', path, `\`${namespace}\` is no namespace.`, hint)];
    }
    const isAlone = exportTo?.length === 1 || (namespace !== '*' && namespace !== '~');
    if (!isAlone) return [errorAt('InvalidValue', path, `\`${namespace}\` must stand alone.`, 'keep one of them')];
    return exportTo?.indexOf(namespace) === index
      ? []
      : [errorAt('InvalidValue', path, `\`${namespace}\` is used twice in this list.`)];
  });
}
