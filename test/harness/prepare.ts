/** Runs once before the tests of this folder: builds what several of them need, so that no two build it at once. */
import { builtAgent } from '../../deploy/agent.ts';
import { builtPage } from '../../deploy/page.ts';

// Vitest wants the default export of a set-up file.
// oxlint-disable-next-line import/no-default-export -- see above
export default function prepare(): void {
  builtPage();
  builtAgent();
}
