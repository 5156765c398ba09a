/**
 * `/healthz`: the process runs. `/readyz`: it can do its work; if not, what is wrong. Both also under the names of
 * Prometheus, which promtool and Perses ask.
 */
import { Router } from 'express';

/** Problems that keep the collector from its work, in words; none when it is ready. */
export type ReadinessCheck = () => readonly string[];

export function healthRouter(check: ReadinessCheck): Router {
  const router = Router();
  router.get(['/healthz', '/-/healthy'], (_request, response) => {
    response.type('text/plain').send('ok\n');
  });
  router.get(['/readyz', '/-/ready'], (_request, response) => {
    const problems = check();
    response
      .status(problems.length === 0 ? 200 : 503)
      .type('text/plain')
      .send(problems.length === 0 ? 'ready\n' : `${problems.join('\n')}\n`);
  });
  return router;
}
