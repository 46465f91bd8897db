// The steps of the tour, in their order.

import type { TourStep } from '../tour.ts';
import { authorizationStep } from './authorization.ts';
import { bindingStep } from './binding.ts';
import { editingStep } from './editing.ts';
import { faultsStep } from './faults.ts';
import { identityStep } from './identity.ts';
import { weightsStep } from './weights.ts';

/** Each step leaves the mesh as it found it, so that they can be walked alone. */
export const tourSteps: readonly TourStep[] = [
  identityStep,
  weightsStep,
  faultsStep,
  authorizationStep,
  editingStep,
  bindingStep,
];
