import { restartScenes } from './restart-scenes.ts';

restartScenes(5);
