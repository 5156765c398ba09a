import './guard.mjs';
await import('./run-false.ts');
