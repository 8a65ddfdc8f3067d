"""Jobs on Temporal: many jobs, many workers, and days between steps. Extra `[temporal]`.

| module | what it holds |
|---|---|
| `messages` | what travels: inputs, states and results of workflows and activities, small JSON |
| `positions` | sets of numbers by their positions, packed |
| `hosting_job` | what all workflows share: what is done for orders; it sends no request |
| `text_enable` | the workflow `TextEnableJob`: numbers that may be text-enabled now |
| `onboard` | the workflow `OnboardJob`: numbers from anywhere to text-enabled |
| `activities` | what workers do for orders: requests to the service, and reading files |
| `number_activities` | what they do for numbers in qualification, and voice challenges |
| `survey` | how far a page of numbers is |
| `onboarding` | the parts of `sinch.onboard` that activities use |
| `told` | what a history may keep of an error |
| `lease` | how long an attempt of an activity may act: the fence before a create |
| `files` | numbers and letters, read by reference |
| `payloads` | attrs classes as Temporal's payloads |
| `plugin` | all of this for your own workers and clients |
| `worker` | `python -m sinch_hosting.temporal.worker` |
| `starting` | starting a job, and finding it again |
| `forwarding` | callbacks become signals, which wake the jobs that they are about |

A history holds references and counts only: no phone number, no letter, no secret.
"""
