import { restartScenes } from '../scenarios/restart-scenes.ts';

restartScenes(100);
