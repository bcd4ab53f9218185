"""The searches of settings of an experiment, as its report sees them."""
