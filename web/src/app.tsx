import { LocationProvider, Route, Router } from 'preact-iso';
import { AvailabilityPage } from './pages/availability/availability.tsx';
import { HostPage } from './pages/host/host.tsx';
import { HostsPage } from './pages/hosts/hosts.tsx';
import { IncidentPage } from './pages/incidents/one.tsx';
import { IncidentsPage } from './pages/incidents/incidents.tsx';
import { NotFoundPage } from './pages/not-found.tsx';
import { Boundary } from './ui/boundary.tsx';
import { Shell } from './ui/shell.tsx';

/** The whole page: the frame around everything, and the route inside it. */
export function App() {
  return (
    <LocationProvider>
      <Shell>
        <Boundary>
          <Router>
            <Route path="/" component={HostsPage} />
            <Route path="/hosts/:id" component={HostPage} />
            <Route path="/availability" component={AvailabilityPage} />
            <Route path="/incidents" component={IncidentsPage} />
            <Route path="/incidents/:id" component={IncidentPage} />
            <Route default component={NotFoundPage} />
          </Router>
        </Boundary>
      </Shell>
    </LocationProvider>
  );
}
