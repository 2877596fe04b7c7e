# The name is a value of bootstrap.
