package sandbox

import "time"

// places makes the groups, projects and agents.
func (b *planter) places() {
	acme := &group{id: 22, path: "acme", members: b.members(map[string]int{
		"ada": roleMaintainer, "ben": roleDeveloper, "cleo": roleReporter, "dan": roleGuest,
		"gus": roleDeveloper, "hal": roleDeveloper,
	})}
	top := &group{id: 9970, path: "group", members: b.members(map[string]int{
		"ada": roleMaintainer, "ben": roleDeveloper, "dan": roleGuest,
	})}
	sub := &group{id: 9971, path: "group/sub", parent: top}
	protected := map[string]int{"main": roleDeveloper, "stable": roleMaintainer}

	b.addProject(project{
		id: ProjectWidgetsID, path: ProjectWidgets, display: "Acme / widgets", group: acme,
		variableRole: roleDeveloper, pushRole: protected,
		allow: map[int64][]string{ProjectGadgetsID: {"read_deployments"}},
	})
	b.addProject(project{
		id: ProjectDocsID, path: ProjectDocs, display: "Acme / docs", group: acme,
		visibility: public, publicPipelines: true, tokenScope: true, pushRole: protected,
	})
	b.addProject(project{
		id: ProjectNestedID, path: ProjectNested, display: "Group / Sub / proj", group: sub,
		publicPipelines: true, variableRole: roleMaintainer, pushRole: protected,
	})
	b.addProject(project{
		id: ProjectGadgetsID, path: ProjectGadgets, oldPath: ProjectGadgetsOld,
		display: "Acme / gadgets", group: acme, allow: map[int64][]string{ProjectWidgetsID: nil},
	})
	b.addProject(project{
		id: ProjectVaultID, path: ProjectVault, display: "Acme / vault",
		members: b.members(map[string]int{"ada": roleMaintainer}),
	})
	b.addProject(project{id: ProjectAgentsID, path: ProjectAgents, display: "Acme / agents", group: acme})
	b.addProject(project{
		id: ProjectLabID, path: ProjectLab, display: "Acme / lab", group: acme,
		visibility: public,
	})
	b.addProject(project{
		id: ProjectHandbookID, path: ProjectHandbook, display: "Acme / handbook", group: acme,
		visibility: public, publicPipelines: true, buildsHidden: true,
	})
	b.addProject(project{
		id: ProjectStatsID, path: ProjectStats, display: "Acme / stats", group: acme,
		statsRefresh: true,
	})
	b.addProject(project{
		id: ProjectDotfilesID, path: ProjectDotfiles, display: "Ada Byron / dotfiles",
		members: b.members(map[string]int{"ada": roleOwner}),
	})
	b.addProject(project{
		id: ProjectIntranetID, path: ProjectIntranet, display: "Acme / intranet", group: acme,
		visibility: internal, publicPipelines: true,
	})
	b.agents()
}

func (b *planter) addProject(p project) {
	p.createdAt = b.ago(time.Duration(1000-p.id)*24*time.Hour + 579*time.Millisecond)
	if p.pushRole == nil {
		p.pushRole = map[string]int{}
	}
	b.w.projects[p.id] = &p
}

func (b *planter) members(roles map[string]int) map[int64]int {
	out := map[int64]int{}
	for name, role := range roles {
		out[b.w.users[name].id] = role
	}
	return out
}

func (b *planter) agents() {
	config := b.w.projects[ProjectAgentsID]
	widgets := b.w.projects[ProjectWidgetsID]
	widgets.agents = []*agent{
		{
			id: 5, config: config, environments: []string{"production", "review/*"},
			configuration: map[string]any{
				"default_namespace": "production",
				"environments":      []string{"production", "review/*"},
			},
		},
		{id: 6, config: config, configuration: map[string]any{}},
		{
			id: 7, config: config, environments: []string{"staging"},
			configuration: map[string]any{"environments": []string{"staging"}},
		},
		{
			id: 8, config: config, protectedOnly: true,
			configuration: map[string]any{"protected_branches_only": true},
		},
	}
}
