// exportTo: the namespaces that may see an object.

/**
 * Whether an object of `namespace` with this `exportTo` is visible in `viewer`. Absent or `*`:
 * everywhere; `.`: its own namespace.
 */
export function isExportedTo(exportTo: readonly string[] | undefined, namespace: string, viewer: string): boolean {
  if (exportTo === undefined || exportTo.length === 0) return true;
  return exportTo.some((target) => target === '*' || target === viewer || (target === '.' && namespace === viewer));
}
