// Paths of AuthorizationPolicy that hold `{*}` (one segment) or `{**}` (any number of them).

import type { FieldPath } from '../finding.ts';
import type { Problem } from '../reading/problem.ts';
import { errorAt } from '../reading/problem.ts';

/** True for a path that is a template and not a plain path with `*` at an end. */
export function isPathTemplate(path: string): boolean {
  return path.includes('{*}') || path.includes('{**}');
}

/** The problems of one path; a path without templates has none. */
export function checkPathTemplate(text: string, path: FieldPath): readonly Problem[] {
  if (!isPathTemplate(text)) return [];
  const segments = text.replace(/^\//, '').split('/');
  const operators = segments.filter((segment) => segment === '{*}' || segment === '{**}');
  const literal = segments.filter((segment) => segment !== '{*}' && segment !== '{**}').join('/');
  if (/[{}*]/.test(literal)) {
    return [
      errorAt(
        'InvalidValue',
        path,
        `In \`${text}\` a template is mixed with other signs.`,
        'make `{*}` and `{**}` whole segments',
      ),
    ];
  }
  // Literals may follow `{**}`, as in `/files/{**}/index`.
  if (operators.slice(0, -1).includes('{**}')) {
    return [errorAt('InvalidValue', path, `In \`${text}\` another \`{*}\` or \`{**}\` follows \`{**}\`.`)];
  }
  if (!/^(?:[A-Za-z0-9._~!$&'()+,;=:@/-]|%[0-9A-Fa-f]{2})*$/.test(literal)) {
    return [errorAt('InvalidValue', path, `\`${text}\` holds a sign that no path can hold.`)];
  }
  return [];
}
