import type { Contender } from '../contender.ts';
import { contenderOf } from './contender.ts';

export const contender: Contender = contenderOf('mutate');
