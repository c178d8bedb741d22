"""Data taking as it is today: a run is announced and started, time frames (STFs) come during physics, the run ends.

With a runner each transition and each STF is published; without one only time passes.
"""


class WorkflowExecutor:
    def __init__(self, parameters, runner=None, execution_id=None):
        self.parameters = parameters
        self.runner = runner
        self.execution_id = execution_id
        self.stf_sequence = 0

    def execute(self, env):
        yield from self.run_daq_cycle(env)

    def run_daq_cycle(self, env):
        """Complete DAQ cycle following current state transitions"""
        yield from self.broadcast_run_imminent(env)
        yield from self.broadcast_run_start(env)
        yield from self.generate_stfs_during_physics(env)
        yield from self.broadcast_run_end(env)

    def broadcast_run_imminent(self, env):
        self.publish("run_imminent")
        yield env.timeout(1)

    def broadcast_run_start(self, env):
        self.publish("start_run")
        yield env.timeout(1)

    def generate_stfs_during_physics(self, env):
        interval = self.parameters.get("stf_interval_sec", 2.0)
        duration = self.parameters.get("physics_duration_min", 60) * 60

        start_time = env.now
        while env.now - start_time < duration:
            yield env.timeout(self.until_next_stf(env.now - start_time, interval))
            yield from self.generate_stf(env)

    def until_next_stf(self, elapsed, interval):
        """The interval after the one before is done ("loop"), or the next multiple of it, so none is late ("grid")."""
        schedule = self.parameters.get("schedule", "loop")
        if schedule not in ("loop", "grid"):
            raise ValueError(f"schedule = {schedule!r} must be 'loop' or 'grid'")
        return interval if schedule == "loop" else max(0.0, (self.stf_sequence + 1) * interval - elapsed)

    def broadcast_run_end(self, env):
        self.publish("end_run", total_stf_files=self.stf_sequence)
        yield env.timeout(1)

    def generate_stf(self, env):
        yield env.timeout(0.1)
        self.stf_sequence += 1
        name = f"swf.{self.execution_id}.{self.stf_sequence:06d}.stf"
        self.publish("stf_gen", filename=name, sequence=self.stf_sequence)

    def publish(self, msg_type, **fields):
        if self.runner is not None:
            self.runner.publish(msg_type, **fields)
