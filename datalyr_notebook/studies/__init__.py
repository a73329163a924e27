"""Questions that need both people and money: what a rule, a policy, a link or a later login changes."""
