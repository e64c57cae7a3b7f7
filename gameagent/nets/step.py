"""One step of a policy network in primitive operators, on the trained weights: what goes into the file."""

from torch import Tensor, nn

from gameagent.nets.interface import Inputs
from gameagent.nets.network import AgentNetwork


class NetworkStep(nn.Module):
    """Takes the tensors of `gameagent_sdk.authoring.step_inputs` in their order, gives those of ``step_outputs``."""

    def __init__(self, policy: AgentNetwork) -> None:
        """Takes the weights of a network."""
        super().__init__()
        self.policy, self.core = policy, policy.core.step()

    def forward(self, observation: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        """One step of N rows.

        Args:
            observation: ``(N, D)``.
            *rest: ``legal_actions`` bool ``(N, A)`` if the game has a mask, ``previous_action`` ``(N, A)``,
                ``previous_reward`` ``(N, 1)``, ``episode_start`` ``(N, 1)``, then the hidden state, then what
                gradient steps add to the belief, ``(N, E)``, which may be left out.

        Returns:
            ``logits`` ``(N, A)``, or ``mean`` and ``log_std`` ``(N, A)`` if actions are continuous; the next hidden
            state, then ``beliefs`` ``(N, E)`` if there are any.
        """
        policy = self.policy
        legal_actions: Tensor | None = None
        if policy.spec.has_mask:
            legal_actions, *rest = rest  # type: ignore[assignment]
        previous_action, previous_reward, episode_start, *carried = rest
        num_hidden = len(policy.state_specs)
        hidden, offset = carried[:num_hidden], carried[num_hidden:]
        inputs = Inputs(
            observation, previous_action, previous_reward, episode_start, legal_actions,
            truth=observation[:, :0], informed=None, belief_offset=offset[0] if offset else None,
        )  # fmt: skip
        decision, next_hidden = policy.step(self.core, inputs, hidden)
        beliefs = [decision.beliefs] if policy.belief_head is not None else []
        return (*decision.action_params, *next_hidden, *beliefs)
