"""How fast the portal is, beside the same pages as plain Django views. `script/bench` starts it, nothing imports it."""
