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
    return { ...authority, path: { regex: regex.match, substitution } };
  }
  return rewrite.uri === undefined || rewrite.uri === '' ? authority : { ...authority, path: { matched: rewrite.uri } };
}

/** The number of capturing groups of a regular expression. */
function highestGroup(pattern: string): number {
  const plain = pattern.replace(/\\./g, '').replace(/\[[^\]]*\]/g, '');
  return (plain.match(/\((?!\?)|\(\?P?</g) ?? []).length;
}
