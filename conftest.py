"""Settings of every test run."""

# The folder `simulator/` would otherwise be taken for the package of that name: pytest names test modules by their path
# from here, and makes a namespace of the first part unless it is imported already.
import simulator  # noqa: F401
