"""Fast processing: a sample of the time frames (STFs) is worked on by a pool of workers while the run goes on.

With a runner each STF is published and the sampled ones are queued for the workers; without one only time passes.
"""


class WorkflowExecutor:
    def __init__(self, parameters, runner=None, execution_id=None):
        self.parameters = parameters
        self.runner = runner
        self.execution_id = execution_id
        self.stf_sequence = 0
        self.pool = None

    def execute(self, env):
        yield from self.run_preparation_phase(env)
        yield from self.stf_generation_loop(env)
        yield from self.run_end_phase(env)

    def run_preparation_phase(self, env):
        worker_count = self.parameters["worker_count"]
        self.publish("run_imminent", worker_count=worker_count)
        if self.runner is not None:
            self.pool = self.runner.pool(env, self.parameters)
        yield env.timeout(1)
        self.publish("start_run")

    def stf_generation_loop(self, env):
        interval = self.parameters["stf_interval_sec"]
        duration = self.parameters["physics_duration_min"] * 60

        start_time = env.now
        while env.now - start_time < duration:
            yield env.timeout(self.until_next_stf(env.now - start_time, interval))
            yield from self.generate_stf_with_workers(env)

    def until_next_stf(self, elapsed, interval):
        """The interval after the one before is done ("loop"), or the next multiple of it, so none is late ("grid")."""
        schedule = self.parameters.get("schedule", "loop")
        if schedule not in ("loop", "grid"):
            raise ValueError(f"schedule = {schedule!r} must be 'loop' or 'grid'")
        return interval if schedule == "loop" else max(0.0, (self.stf_sequence + 1) * interval - elapsed)

    def generate_stf_with_workers(self, env):
        yield env.timeout(0.1)
        self.stf_sequence += 1
        name = f"swf.{self.execution_id}.{self.stf_sequence:06d}.stf"
        sampled = self.pool is not None and self.pool.offer(name)
        self.publish("stf_gen", filename=name, sequence=self.stf_sequence, sampled=sampled)

    def run_end_phase(self, env):
        """The run ends at once; the workers finish what is queued."""
        done = 0 if self.pool is None else self.pool.completed
        self.publish("end_run", total_stf_files=self.stf_sequence, tasks_completed=done)
        if self.pool is not None:
            yield from self.pool.drain()

    def publish(self, msg_type, **fields):
        if self.runner is not None:
            self.runner.publish(msg_type, **fields)
