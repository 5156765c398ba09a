/** The built-in page: files of web/dist, and the page itself for the paths that it routes on its own. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import express, { Router } from 'express';

/** Paths that the page shows; everything else is 404, so that clients of other APIs are not misled. */
const PAGE_PATHS: readonly string[] = ['/', '/hosts/:id', '/availability', '/incidents', '/incidents/:id'];

/**
 * @param directory the built page; when it is missing, `/` says how to build it
 */
export function pageRouter(directory: string): Router {
  const router = Router();
  const indexFile = join(directory, 'index.html');
  router.use(
    '/assets',
    express.static(join(directory, 'assets'), {
      immutable: true,
      maxAge: '365d',
      index: false,
      redirect: false,
    }),
  );
  for (const path of PAGE_PATHS) {
    router.get(path, (_request, response) => {
      response.set('Cache-Control', 'no-cache');
      if (existsSync(indexFile)) response.sendFile(indexFile);
      else response.status(503).type('text/plain').send('the page is not built: run npm run build\n');
    });
  }
  return router;
}
