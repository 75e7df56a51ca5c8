"""The callbacks of scikit-learn, called while a solver works."""

from dataclasses import replace

from skmc._snapshot import Snapshot, SnapshotFile, fingerprint


class Watch:
    """What a completer tells its callbacks during a fit.

    Each iteration is a task of the fit. The hooks of its begin and its end are called together,
    when it is over.

    Parameters
    ----------
    completer : completer
        The completer that is fitted.
    X, y : object
        What it is fitted to, for the callbacks.
    n_iterations : int or None, default=None
        How many iterations there are at most; None means `max_iter`.
    """

    def __init__(self, completer, X=None, y=None, n_iterations=None):
        self.completer = completer
        self.given = {"estimator": completer, "X": X, "y": y}
        self.callbacks = getattr(completer, "_skl_callbacks", ())
        n_iterations = completer.max_iter if n_iterations is None else n_iterations
        self.context = completer._init_callback_context(max_subtasks=n_iterations)
        self.files = ()
        self.stopped = False
        self.schedule = self.units = None
        self.done = self.earlier = 0
        if self.context is not None:
            self.context.call_on_fit_task_begin(**self.given)

    def of(self, training, plan):
        """Tell what is solved; returns what a solver is to call, None if nobody listens."""
        self.training, self.plan = training, plan
        snapshots = [callback for callback in self.callbacks if isinstance(callback, Snapshot)]
        if snapshots:
            if not self.completer._snapshot_types():
                raise ValueError(
                    f"A {type(self.completer).__name__} cannot be resumed from a snapshot, as the "
                    "state in the middle of its search cannot be stored. save_factors keeps what "
                    "a fit has found."
                )
            found = fingerprint(self.completer, training)
            self.files = [SnapshotFile(snapshot, found) for snapshot in snapshots]
        return self if self.callbacks else None

    def begin(self, solver, at, max_iter):
        """Set the progress of a solver to that in a file, if there is one."""
        if self.schedule is not None:
            # What follows the search for the noise has the units that this has found.
            self.units = self.schedule.units
        self.schedule, self.earlier = at.schedule, self.done
        for file in self.files:
            file.begin(solver, at, max_iter)

    def after(self, solver, at):
        """Call the hooks of an iteration; returns whether one of them wants to stop."""
        for file in self.files:
            file.after(solver, at)
        self.done = self.earlier + at.iteration
        if self.stopped:
            # A fit may solve several problems one after the other.
            return True

        def attributes():
            result = solver.result(at, "as if it had stopped")
            result = replace(result, n_iter=self.done, units=self._units(result))
            return self.completer._fitted_attributes(result, self.training, self.plan)

        self.stopped = self.tell(attributes)
        return self.stopped

    def tell(self, attributes=None):
        """Call the hooks of an iteration; returns whether one of them wants to stop.

        Parameters
        ----------
        attributes : callable or None
            Gives what a fit that ended there would leave, for those who ask.
        """
        if self.context is None:
            return False
        task = self.context.subcontext(task_name="iteration")
        task.call_on_fit_task_begin(**self.given)
        return task.call_on_fit_task_end(**self.given, reconstruction_attributes=attributes)

    def _units(self, result):
        return self.units if result.units is None else result.units

    def end(self):
        """Call the hooks of the end of the fit."""
        if self.context is not None:
            self.context.call_on_fit_task_end(
                **self.given, reconstruction_attributes=lambda: vars(self.completer)
            )
