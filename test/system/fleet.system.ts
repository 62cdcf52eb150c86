import { fleetScenes } from '../scenarios/crash-scenes.ts';

fleetScenes(20);
