import { crashScenes, fleetScenes } from '../scenarios/crash-scenes.ts';

crashScenes(200);
fleetScenes(200);
