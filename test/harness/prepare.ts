/** Runs once before the tests of this folder: builds what several of them need, so that no two build it at once. */
import { builtAgent } from '../../deploy/agent.ts';
import { builtPage } from '../../deploy/page.ts';

/** The name that Vitest looks for. */
export function setup(): void {
  builtPage();
  builtAgent();
}
