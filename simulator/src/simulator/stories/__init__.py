"""Stories: calls that break and go on, played by simulated callers, and judged by what was observed."""

from simulator.stories.environment import StoryEnvironment
from simulator.stories.plots import STORIES, Story, run_story
from simulator.stories.report import Check, StoryReport, TimelineEntry

__all__ = ["STORIES", "Check", "Story", "StoryEnvironment", "StoryReport", "TimelineEntry", "run_story"]
