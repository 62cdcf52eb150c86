import { crashScenes } from './crash-scenes.ts';

crashScenes(15);
