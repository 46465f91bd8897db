import { expect, it } from 'vitest';
import { parsePodLabels, readPodLabels } from './pod-labels.ts';

it("reads what the kubelet writes for a pod's labels", () => {
  expect(parsePodLabels('app="reviews"\nservice.istio.io/canonical-name="w"\nempty=""\n')).toEqual({
    app: 'reviews',
    'service.istio.io/canonical-name': 'w',
    empty: '',
  });
});

it('has none without a file, and refuses a file that is not there', async () => {
  expect(await readPodLabels(undefined)).toEqual({});
  await expect(readPodLabels('/nowhere/labels')).rejects.toMatchObject({ code: 'OptionInvalid' });
});
