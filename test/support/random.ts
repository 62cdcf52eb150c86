export { seededRandom } from '../../lib/testing/index.ts';
