"""Where games come from: compiled rules, and whatever else can make them."""
