import { bzrTargets } from './bzr-targets.ts';
import type { Target } from './target.ts';
import { textTargets } from './text-targets.ts';
import { wireTargets } from './wire-targets.ts';

/** All that takes bytes from outside in one go. */
export const targets: readonly Target[] = [...wireTargets, ...textTargets, ...bzrTargets];
