"""Jobs on Temporal: many jobs, many workers, and days between steps. Extra `[temporal]`.

| module | what it holds |
|---|---|
| `messages` | what travels: inputs, states and results of workflows and activities, small JSON |
| `text_enable` | the workflow `TextEnableJob`: what is done, in which order; it sends no request |
| `activities` | what workers do: requests to the service, and reading files |
| `lease` | how long an attempt of an activity may act: the fence before a create |
| `files` | numbers and letters, read by reference |
| `payloads` | attrs classes as Temporal's payloads |
| `plugin` | all of this for your own workers and clients |
| `worker` | `python -m sinch_hosting.temporal.worker` |
| `starting` | starting a job, and finding it again |
| `forwarding` | callbacks become signals, which wake the jobs that they are about |

A history holds references and counts only: no phone number, no letter, no secret.
"""
