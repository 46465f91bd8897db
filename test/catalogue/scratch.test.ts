import { it } from 'vitest';
import { writeFileSync } from 'node:fs';
import { readCases } from './cases.ts';
import { formatSteps, kinds, listFields } from './fields.ts';
import { Evidence } from './proof.ts';
import { classifyField } from '../../generator/resolve/fields.ts';
it('x', () => {
  const e = new Evidence(readCases());
  const out: string[] = [];
  const t2 = performance.now();
  let slow: [number,string][] = [];
  for (const kind of kinds) for (const steps of listFields(kind)) {
    const t = performance.now();
    const c = classifyField(kind, steps);
    let r = '';
    if (c === 'applied') { const p = e.proveApplied(kind, steps); r = p ? `${p.by} ${p.case}` : 'MISSING'; }
    else if (c === 'reported') r = e.proveReported(kind, steps) ?? 'SILENT';
    out.push(`${kind} ${formatSteps(steps)} | ${typeof c === 'string' ? c : 'elsewhere'} ${r}`);
    slow.push([performance.now()-t, out.at(-1)!]);
  }
  console.log('ms', performance.now() - t2); slow.sort((a,b)=>b[0]-a[0]); console.log(slow.slice(0,15));
  writeFileSync('/tmp/proofs.txt', out.join('\n')+'\n');
}, 600000);
