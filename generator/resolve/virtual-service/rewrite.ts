// VirtualService `rewrite`: the path and host that the application sees.

import type { FieldPath, HttpRewrite } from '../../../mesh/index.ts';
import type { PathRewrite } from '../../model/http-route.ts';
import { reportField, type VirtualServiceContext } from './context.ts';

/**
 * The rewrite of a rule. `uri` replaces the part that the match's `uri` matched: a prefix, or the
 * whole path.
 */
export function resolveRewrite(
  context: VirtualServiceContext,
  rewrite: HttpRewrite | undefined,
  path: FieldPath,
): { readonly path?: PathRewrite; readonly authority?: string } {
  if (rewrite === undefined) return {};
  const authority = rewrite.authority === undefined || rewrite.authority === '' ? {} : { authority: rewrite.authority };
  const regex = rewrite.uriRegexRewrite;
  if (regex?.match !== undefined && regex.match !== '') {
    const substitution = regex.rewrite ?? '';
    const groups = highestGroup(regex.match);
    const wanted = Math.max(0, ...[...substitution.matchAll(/\\(\d)/g)].map(([, digit]) => Number(digit)));
    if (wanted > groups || /\\(?![\d\\])/.test(substitution)) {
      reportField(
        context,
        'InvalidValue',
        [...path, 'uriRegexRewrite', 'rewrite'],
        `"${substitution}" names a group that the pattern does not have, so the path is not rewritten`,
        `the pattern has ${groups} group(s); write \\1 to \\${Math.max(1, groups)}, and \\\\ for a backslash`,
      );
      return authority;
    }
    if (losesSlash(regex.match, substitution)) {
      reportRelative(context, [...path, 'uriRegexRewrite', 'rewrite'], substitution);
    }
    return { ...authority, path: { regex: regex.match, substitution } };
  }
  if (rewrite.uri === undefined || rewrite.uri === '') return authority;
  if (!rewrite.uri.startsWith('/')) reportRelative(context, [...path, 'uri'], rewrite.uri);
  return { ...authority, path: { matched: rewrite.uri } };
}

function reportRelative(context: VirtualServiceContext, path: FieldPath, written: string): void {
  const message = `paths that "${written}" rewrites do not begin with a slash, so applications refuse these requests`;
  reportField(context, 'InvalidValue', path, message, 'let the new path begin with /');
}

/**
 * Whether a pattern always takes the first slash of a path and its replacement brings none, as far
 * as their beginnings say.
 */
function losesSlash(pattern: string, substitution: string): boolean {
  if (!/^\^\/(?![?*{])[^|]*$/.test(pattern)) return false;
  return substitution.startsWith('\\1') ? /^\^\/\([\w.[]/.test(pattern) : /^[^\\/]/.test(substitution);
}

/** The number of capturing groups of a regular expression. */
function highestGroup(pattern: string): number {
  const plain = pattern.replace(/\\./g, '').replace(/\[[^\]]*\]/g, '');
  return (plain.match(/\((?!\?)|\(\?P?</g) ?? []).length;
}
